"""What `./mentat` does once everything is installed and built: one function a command.

usage: main.py COMMAND --var DIR [ARGUMENTS]
"""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time

import terminal
from control import NOT_READY, Control
from database import split_password
from layout import Installation, UserError, read_pid
from services import CONTROLLER, STAGES, Plan, copy_programs
from supervisor import Supervisor

READY_SECONDS = int(os.environ.get('MENTAT_READY_SECONDS', 120))  # until all services must be ready after their start
HOPELESS_RESTARTS = 5
# In the supervisor's log, and in the controller's.
KILLED = re.compile(r"(?m)^\S+Z (\S+) has not stopped in .*: killed$|has not ended in time: killed.*?instance_\W+([\w-]+)")
STILL_TRYING = "What runs goes on trying; `./mentat down` stops it."


# --- the supervisor, seen from here ---


def supervisor_pid(installation):
    return read_pid(installation.supervisor_pid_file)


def wait_until(condition, seconds, say=None):
    """Looks at a condition every now and then, until it gives something true, which is returned, or
    the time is over: then None."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        if say is not None:
            say()
        select.select([], [], [], min(0.1, left))


def last_lines(path, count=15):
    try:
        return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])
    except FileNotFoundError:
        return ""


def start_supervisor(installation, demo):
    installation.state_file.unlink(missing_ok=True)
    command = [sys.executable, "-B", "-E", "-s", __file__, "supervise", "--var", str(installation.var)]
    with open(installation.log / "supervisor.log", "ab") as log:
        supervisor = subprocess.Popen(command + (["--demo"] if demo else []), stdin=subprocess.DEVNULL, stdout=log,
                                      stderr=log, start_new_session=True, cwd=installation.var)

    def begun():
        state = installation.state()
        if supervisor.poll() is not None or state.get("phase") == "failed":
            supervisor.wait()
            raise UserError(state.get("error") or "the supervisor has ended:\n"
                            + last_lines(installation.log / "supervisor.log"))
        return state.get("phase") == "running" and supervisor

    return begun


def stop_supervisor(installation, say=lambda text: None):
    """Ends the supervisor and with it everything else. Names of the processes that had to be killed."""
    pid = supervisor_pid(installation)
    if pid is None:
        return None
    marks = {path: path.stat().st_size for path in [installation.log / "supervisor.log", installation.log / f"{CONTROLLER}.log"] if path.exists()}
    pidfd = os.pidfd_open(pid)
    signal.pidfd_send_signal(pidfd, signal.SIGTERM)
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    while not poll.poll(200):
        say(", ".join(installation.leftovers()))
    os.close(pidfd)
    text = "\n".join(path.read_bytes()[mark:].decode(errors="replace") for path, mark in marks.items())
    return [here or there for here, there in KILLED.findall(text)]


# --- commands ---


def up(installation, arguments):
    demo = "--demo" in arguments
    detach = "--detach" in arguments
    programs = option(arguments, "--programs")
    dsn = option(arguments, "--dsn")
    began = time.monotonic()
    if running(installation, []) == 0:
        return where(installation, [])
    installation.make_folders()
    settings = installation.settings()
    wanted = {**settings, **({"dsn": dsn} if dsn is not None else {}),
              **({"curve": True} if "--curve" in arguments else {})}
    if wanted != settings or not installation.settings_file.exists():
        installation.save_settings(wanted)
    if programs is not None:
        new = copy_programs(installation, programs)
        if new:
            terminal.say("programs", f"{new} new in {installation.bin}")

    plan = Plan(installation)
    control = Control(plan)
    if plan.cluster is not None:
        with terminal.Progress("database", "making a PostgreSQL cluster") as progress:
            if plan.cluster.make():
                progress.done(f"a PostgreSQL cluster has been made in {installation.pg.resolve()}")
    made = plan.make_keys()
    if made:
        terminal.say("keys", f"{made} new in {installation.etc / 'keys'}")
    kept = plan.write_configs()
    for name in kept:
        terminal.say("etc", f"{name} has been edited and is left as it is")
    plan.check_controller()
    if demo:
        plan.prepare_demo()

    with terminal.Progress("start", "starting") as progress:
        begun = start_supervisor(installation, demo)
        supervisor = wait_until(begun, 900, lambda: progress.show(installation.state().get("phase", "starting")))
        if supervisor is None:
            raise UserError(f"the database does not get ready; {installation.log}/postgres.log says why")
        reasons = {}

        def all_ready():
            begun()
            pages = control.pages()
            reasons.clear()
            reasons.update(control.not_ready(pages))
            if control.empty():  # then some cannot get ready, and need not
                for name in [name for name, reason in reasons.items() if reason == NOT_READY and name != CONTROLLER]:
                    del reasons[name]
            processes = control.processes() if control.deaths(pages) >= HOPELESS_RESTARTS else installation.state().get("processes", {})
            for name, process in processes.items():
                if process["restarts"] >= HOPELESS_RESTARTS:
                    raise UserError(f"{name} ends again and again ({process['last_exit']}); the end of its log:\n" +
                                    last_lines(installation.log / f"{name}.log", 5) + "\n" + STILL_TRYING)
            return not reasons

        if not wait_until(all_ready, READY_SECONDS,
                          lambda: progress.show("waiting for " + ", ".join(reasons) if reasons else "starting")):
            lines = [f"  {name}: {reason}" for name, reason in reasons.items()]
            raise UserError(f"not everything is ready after {READY_SECONDS} s:\n" + "\n".join(lines) +
                            f"\nThe logs are in {installation.log}. {STILL_TRYING}")
        progress.done(f"all is ready, {terminal.elapsed(time.monotonic() - began)}")
    where(installation, [])
    for stage in control.empty():
        terminal.say("", f"{stage} has no processes, as a call has said; `./mentat ctl start {stage}` or `scale` gives it some.")
    if detach:
        return 0
    return attend(installation, control)


def attend(installation, control):
    """Shows a line of status until Ctrl-C; then stops everything."""
    stop = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.append(True))
    terminal.say("", "Ctrl-C stops it all.")
    while not stop and supervisor_pid(installation):
        terminal.line(control.line())
        select.select([], [], [], 1.0)
    terminal.end_line()
    if not stop:
        print("The installation has been stopped from elsewhere.")
        return 0
    return down(installation, [])


def where(installation, _):
    """Prints where everything is."""
    plan = Plan(installation)
    database = "a database of yours" if plan.cluster is None else str(installation.pg.resolve())
    terminal.say("queue", f"{installation.queue}/incoming")
    terminal.say("database", f"{database}; ./mentat psql")
    for instance in [name for names in Control(plan).instances().values() for name in names]:
        terminal.say(instance, f"gRPC {plan.address(instance, 'admin')}   "
                               f"metrics http://{plan.address(instance, 'metrics')}/metrics")
    terminal.say("prometheus", f"targets in {installation.targets_file}")
    terminal.say("logs", f"{installation.log}; ./mentat logs [SERVICE]")
    terminal.say("settings", str(installation.etc))
    return 0


def running(installation, _):
    """Whether the installation runs, as an exit status; says so if it does."""
    if supervisor_pid(installation) is None:
        return 1
    print("It is up already; this is where everything is. `./mentat down` stops it.")
    return 0


def supervise(installation, arguments):
    demo = "--demo" in arguments
    plan = Plan(installation)
    return Supervisor(installation, plan.database(), lambda: plan.prepare(demo), plan.services(demo), demo, tuple(STAGES)).run()


def down(installation, _):
    began = time.monotonic()
    if supervisor_pid(installation) is None:
        if installation.leftovers():
            # Its supervisor was killed. A new one takes the processes over, and stops them.
            start_supervisor(installation, installation.state().get("demo", False))
            wait_until(lambda: installation.state().get("processes"), 30)
        else:
            print("It is down.")
            return 0
    with terminal.Progress("down", "draining and stopping") as progress:
        killed = stop_supervisor(installation, lambda names: progress.show(f"waiting for {names}"))
        if installation.leftovers():
            raise UserError(f"{', '.join(installation.leftovers())} could not be stopped; the supervisor said:\n" +
                            last_lines(installation.log / "supervisor.log"))
        progress.done(f"all is stopped, {terminal.elapsed(time.monotonic() - began)}")
    for name in killed or []:
        terminal.say("", f"{name} did not stop in time and was killed; what it held goes to others or waits in the queue")
    return 0


def status(installation, arguments):
    control = Control(Plan(installation))
    pid = supervisor_pid(installation)
    state = installation.state() if pid else {}
    processes = control.processes() if pid else {}
    reasons = control.not_ready() if pid else {}
    for name, process in processes.items():
        process["ready"] = process["state"] == "running" and not reasons.get(name)
        if reasons.get(name):
            process["reason"] = reasons[name]
    if pid is None:
        code = 3
    else:
        code = 0 if processes and all(process["ready"] for process in processes.values()) else 1
    if "--json" in arguments:
        print(json.dumps({"var": str(installation.var), "phase": state.get("phase", "down"), "supervisor": pid,
                          "encrypted": control.encrypted() if pid else {},
                          "processes": processes, "stages": control.stages() if pid else []}, indent=2))
        return code
    if pid is None:
        left = ", ".join(installation.leftovers())
        if left:
            print(f"The supervisor is gone, and {left} run on without it. `./mentat up` or `./mentat down` takes them over.")
        else:
            print(f"The installation in {installation.var} is down. `./mentat up` starts it.")
        return code
    terminal.table(["PROCESS", "PID", "STATE", "UP", "RESTARTS", "MEMORY"], [
        [name, process["pid"] or "-", "ready" if process["ready"] else process.get("reason", process["state"]),
         terminal.elapsed(time.time() - process["since"]) if process["since"] else "-",
         process["restarts"], terminal.memory(process["pid"])]
        for name, process in processes.items()])
    print(f"\n{encryption(control.encrypted())}\n")
    sys.stdout.flush()
    subprocess.run(control.command(["status"]), check=False)
    return code


def encryption(encrypted):
    """What `Control.encrypted` found, in a line."""
    plain = [name for name, yes in encrypted.items() if not yes]
    if not plain:
        return "Connections between the stages are encrypted."
    if len(plain) == len(encrypted):
        return "Connections between the stages are not encrypted; `./mentat up --curve` makes them so."
    return f"Not encrypted: {', '.join(plain)}. The others are, and do not speak with them."


def logs(installation, arguments):
    lines = option(arguments, "--lines") or "20"
    follow = "--no-follow" not in arguments
    names = [argument for argument in arguments if not argument.startswith("-") and argument != lines]
    files = sorted(path.name for path in installation.log.glob("*.log"))
    if names:
        found = [file for file in files for name in names
                 if file == f"{name}.log" or file.startswith(f"{name}-")]
        if not found:
            known = ", ".join(file.removesuffix(".log") for file in files)
            raise UserError(f"there is no log of {names[0]}; there are {known}")
        files = found
    os.chdir(installation.log)
    os.execvp("tail", ["tail", "-n", lines] + (["-F"] if follow else []) + ["--", *files])


def psql(installation, arguments):
    # A password goes through the environment: every user of the machine can read a command line.
    dsn, password = split_password(Plan(installation).dsn())
    if password is not None:
        os.environ["PGPASSWORD"] = password
    os.execvp("psql", ["psql", "--dbname", dsn, *arguments])


def ctl(installation, arguments):
    command = Control(Plan(installation)).command(arguments)
    os.execv(command[0], command)


def option(arguments, name):
    """The value of `--name VALUE` or `--name=VALUE`; None if it is not given."""
    for position, argument in enumerate(arguments):
        if argument == name and position + 1 < len(arguments):
            return arguments[position + 1]
        if argument.startswith(name + "="):
            return argument.removeprefix(name + "=")
    return None


COMMANDS = {function.__name__: function
            for function in (up, where, running, supervise, down, status, logs, psql, ctl)}


def main():
    command, flag, var, *arguments = sys.argv[1:]
    assert flag == "--var"
    if arguments[:1] == ["--"]:
        arguments = arguments[1:]
    try:
        return COMMANDS[command](Installation(var), arguments)
    except UserError as error:
        terminal.end_line()
        print(f"mentat: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        terminal.end_line()
        print("Interrupted. What was started goes on; `./mentat down` stops it.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
