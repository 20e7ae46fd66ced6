"""The dashboards. Rates are over $__rate_interval; what alerts judge by comes from the recording rules."""

from parts import board, graph, heading, label_variable, sql, stat

SERVICE = label_variable("service", "Stage", "label_values(mentat_ready, service)")
INSTANCE = label_variable("instance", "Instance", 'label_values(mentat_ready{service=~"$service"}, instance)')
CHOSEN = '{service=~"$service", instance=~"$instance"}'


def rate(metric, by, selector=""):
    return f"sum by ({by}) (rate({metric}{selector}[$__rate_interval]))"


def quantile(q, metric):
    return f"histogram_quantile({q}, sum by (le) (rate({metric}_bucket[$__rate_interval])))"


def overview():
    return board("mentat-overview", "Mentat: overview", "Is all well, and how much comes in?", [
        stat("Stored", "Events stored anew a second.", "cps", {"": "mentat:storage_stored_events:rate1m"}, alert="MentatNoEvents"),
        stat("Latency, 99 %", "From receipt to commit, of 99 events in 100.", "s", {"": "mentat:storage_latency_seconds:p99_5m"}, red=5,
             alert="MentatLatencyHigh"),
        stat("Last heartbeat", "Since the heartbeat that was committed last.", "s",
             {"": "max(time() - mentat_heartbeat_committed_timestamp_seconds)"}, red=120, alert="MentatHeartbeatMissing"),
        stat("Oldest in the queue", "Age of the oldest file in incoming.", "s", {"": "max(mentat_filer_in_incoming_oldest_seconds)"}, red=300,
             alert="MentatQueueOld"),
        stat("Dead letters", "In the last 24 hours.", "short", {"": "sum(increase(mentat_storage_dead_letters_total[24h]))"}, red=1,
             alert="MentatDeadLetters"),
        stat("Ledger", "Events that are missing, or too many, in the books of all instances.", "short",
             {"": "sum(abs(service_instance:mentat_stage_ledger_gap_events:sum))"}, red=1, alert="MentatLedgerOpen"),
        stat("Not ready", "Instances that do not answer or cannot do their work.", "short",
             {"": 'count(up{job="mentat"}) - sum(mentat_ready)'}, red=1, alert="MentatInstanceNotReady"),
        stat("Alerts", "That fire now.", "short", {"": 'count(ALERTS{alertstate="firing", alertname=~"Mentat.*"}) or vector(0)'}, red=1),
        graph("Events received", "By stage; heartbeats among them.", "cps",
              {"{{service}}": "service:mentat_stage_received_events:rate1m"}),
        graph("Latency", "From receipt to commit.", "s",
              {"50 %": "mentat:storage_latency_seconds:p50_5m", "99 %": "mentat:storage_latency_seconds:p99_5m"}, red=5,
              alert="MentatLatencyHigh"),
        graph("Heartbeat", "Through all stages into the database and back, of 99 in 100.", "s",
              {"99 %": "mentat:heartbeat_seconds:p99_10m"}, alert="MentatHeartbeatMissing"),
        graph("Slow events", "Share that took longer than 5 seconds. The objective allows 1 %.", "percentunit",
              {"5 minutes": "mentat:storage_slow_events:ratio5m", "1 hour": "mentat:storage_slow_events:ratio1h"}, red=0.144,
              alert="MentatLatencyHigh"),
        graph("Oldest event", "That is not settled yet, by stage.", "s",
              {"{{service}}": "service:mentat_pipeline_oldest_event_age_seconds:max"}, red=120, alert="MentatEventsHeldLong"),
        graph("Rejected", "Events that became dead letters, by the stage that gave up; and files' events refused.", "cps",
              {"{{service}}": "service:mentat_stage_rejected_events:rate1m",
               "refused by {{instance}}": rate("mentat_filer_in_events_refused_total", "instance")}, alert="MentatDeadLetters"),
        graph("Instances ready", "By stage.", "short", {"{{service}}": "sum by (service) (mentat_ready)"},
              alert="MentatInstanceDown"),
        graph("Memory", "Resident, by stage.", "bytes", {"{{service}}": "sum by (service) (mentat_process_resident_memory_bytes)"}),
    ])


def pipeline():
    return board("mentat-pipeline", "Mentat: pipeline", "What flows between stages, and where it piles up.", [
        heading("Edges: from each stage to the next"),
        graph("Events settled by the next stage", "A second, by the stage that sends.", "cps",
              {"{{service}}": rate("mentat_stage_forwarded_events_total", "service", '{service=~"$service"}')}),
        graph("Batches sent", "A second, resends among them.", "cps",
              {"{{service}} → {{output}}": rate("mentat_pipeline_sent_batches_total", "service, output", '{service=~"$service"}')}),
        graph("On their way", "Events that wait for a peer or for its outcome.", "short",
              {"{{service}} → {{output}}": 'sum by (service, output) (mentat_pipeline_unsettled_events{service=~"$service"})'}),
        graph("Waiting for a peer", "Events that no peer has room for: the next stage is the bottleneck.", "short",
              {"{{service}} → {{output}}": 'sum by (service, output) (mentat_pipeline_queued_events{service=~"$service"})'}),
        graph("Peers missing", "Known addresses where nobody answers.", "short",
              {"{{instance}} → {{output}}": 'mentat_pipeline_peers{service=~"$service"} - mentat_pipeline_peers_up'}, red=1,
              alert="MentatPeerAway"),
        heading("Age and fill"),
        graph("Oldest event", "That is not settled.", "s",
              {"{{instance}}": 'mentat_pipeline_oldest_event_age_seconds{service=~"$service"}'}, red=120, alert="MentatEventsHeldLong"),
        graph("In flight", "Events held.", "short", {"{{service}}": "service:mentat_stage_in_flight_events:sum"}),
        graph("Bytes held", "Of received events.", "bytes",
              {"{{instance}}": 'mentat_pipeline_held_bytes{service=~"$service"}'}),
        graph("Queue", "Files in incoming (counted to ten thousand) and in pending.", "short",
              {"incoming {{instance}}": "mentat_filer_in_incoming_files", "pending {{instance}}": "mentat_filer_in_pending_files"}),
        graph("Oldest in the queue", "Age of the oldest file in incoming.", "s",
              {"{{instance}}": "mentat_filer_in_incoming_oldest_seconds"}, red=300, alert="MentatQueueOld"),
        heading("Retries"),
        graph("Batches sent again", "By edge: because a connection broke, or a peer said nothing.", "cps",
              {"{{service}} → {{output}}": rate("mentat_pipeline_resent_batches_total", "service, output", '{service=~"$service"}'),
               "{{service}} → {{output}}, silent": rate("mentat_pipeline_silent_batches_total", "service, output",
                                                        '{service=~"$service"}')}),
        graph("Events given back", "By peers, to be sent again.", "cps",
              {"{{service}} → {{output}}": rate("mentat_pipeline_returned_events_total", "service, output", '{service=~"$service"}')}),
        graph("Late and repeated", "Outcomes that came too late; batches that came twice.", "cps",
              {"late {{service}}": rate("mentat_pipeline_late_acks_total", "service", '{service=~"$service"}'),
               "repeated {{service}}": rate("mentat_pipeline_repeated_batches_total", "service", '{service=~"$service"}')}),
        graph("Suspects", "Batches tried alone, and events condemned since they killed their workers.", "cps",
              {"isolated {{service}}": rate("mentat_pipeline_isolated_batches_total", "service", '{service=~"$service"}'),
               "condemned {{service}}": rate("mentat_pipeline_condemned_events_total", "service", '{service=~"$service"}')},
              alert="MentatDeadLetters"),
        graph("Connections", "Lost, and refused or failed by reason.", "cps",
              {"lost by {{service}}": rate("mentat_pipeline_lost_peers_total", "service", '{service=~"$service"}'),
               "refused: {{reason}}": rate("mentat_pipeline_refused_connections_total", "reason", '{service=~"$service"}'),
               "failed: {{reason}}": rate("mentat_pipeline_failed_connections_total", "reason", '{service=~"$service"}')},
              alert="MentatPeerAway"),
        graph("Frames refused", "By reason.", "cps",
              {"{{reason}}": rate("mentat_pipeline_refused_frames_total", "reason", '{service=~"$service"}')}),
    ], variables=[SERVICE])


def stage():
    ledger = {name: rate(f"mentat_stage_{name}_events_total", "instance", CHOSEN)
              for name in ("received", "forwarded", "dropped", "rejected", "stored", "retried")}
    return board("mentat-stage", "Mentat: stage", "One stage, instance by instance.", [
        heading("Work"),
        *[graph(name.capitalize(), "Events a second.", "cps", {"{{instance}}": expr}, width=8) for name, expr in ledger.items()],
        graph("In flight", "Events held.", "short", {"{{instance}}": f"mentat_stage_in_flight_events{CHOSEN}"}, width=8),
        graph("Oldest event", "That is not settled.", "s", {"{{instance}}": f"mentat_pipeline_oldest_event_age_seconds{CHOSEN}"}, width=8,
              red=120, alert="MentatEventsHeldLong"),
        graph("Ledger", "Received less all that became of it: always 0.", "short",
              {"{{instance}}": f"service_instance:mentat_stage_ledger_gap_events:sum{CHOSEN}"}, width=8, red=1, alert="MentatLedgerOpen"),
        heading("Process"),
        graph("Ready", "1 if it can do its work.", "short", {"{{instance}}": f"mentat_ready{CHOSEN}"}, width=8,
              alert="MentatInstanceNotReady"),
        graph("Paused", "1 if somebody paused it.", "short", {"{{instance}}": f"mentat_stage_paused{CHOSEN}"}, width=8, red=1,
              alert="MentatStagePaused"),
        graph("Age", "Since the process was started.", "s", {"{{instance}}": f"time() - mentat_process_start_time_seconds{CHOSEN}"}, width=8,
              alert="MentatInstanceRestarting"),
        graph("Processors", "In use; 1 is one of them all the time.", "short",
              {"{{instance}}": rate("mentat_process_cpu_seconds_total", "instance", CHOSEN)}, width=8),
        graph("Memory", "Resident.", "bytes", {"{{instance}}": f"mentat_process_resident_memory_bytes{CHOSEN}"}, width=8),
        graph("File descriptors", "Share of those that it may have.", "percentunit",
              {"{{instance}}": f"mentat_process_open_fds{CHOSEN} / mentat_process_max_fds"}, width=8),
        graph("Log", "Lines written, by level.", "cps", {"{{level}}": rate("mentat_log_records_total", "level", CHOSEN)}, width=8),
        graph("Log lines lost", "Held back since the like of them repeat, and not written at all.", "cps",
              {"held back": f"sum(rate(mentat_log_held_back_records_total{CHOSEN}[$__rate_interval]))",
               "lost": f"sum(rate(mentat_log_lost_records_total{CHOSEN}[$__rate_interval]))"}, width=8),
        graph("Reloads", "By result.", "short", {"{{result}}": f"sum by (result) (increase(mentat_reloads_total{CHOSEN}[$__rate_interval]))"},
              width=8, alert="MentatReloadRefused"),
        graph("Calls refused", "Of the control plane, by reason.", "cps",
              {"{{reason}}": rate("mentat_control_refused_calls_total", "reason", CHOSEN)}, width=8),
        heading("Inspector and enricher"),
        graph("Rules that match most", "Events a second.", "cps",
              {"{{rule}}": "topk(10, " + rate("mentat_inspector_rule_matches_total", "rule") + ")"}, width=8),
        graph("Rules with errors", "Events a second.", "cps",
              {"{{rule}}": "topk(5, " + rate("mentat_inspector_rule_errors_total", "rule") + ")"}, width=8),
        graph("Look-ups that find something", "Share of all, by database.", "percentunit",
              {"{{database}}": rate("mentat_enricher_lookups_total", "database", '{result="hit"}') + " / ("
                               + rate("mentat_enricher_lookups_total", "database") + " > 0)"}, width=8),
        graph("Age of address databases", "Since they were built.", "s",
              {"{{instance}} {{database}}": "(time() - mentat_enricher_geoip_build_timestamp_seconds) and mentat_enricher_geoip_loaded == 1"},
              width=8, red=30 * 86400, alert="MentatGeoipOld"),
    ], variables=[SERVICE, INSTANCE])


def storage():
    return board("mentat-storage", "Mentat: storage and PostgreSQL", "What the database is given, and how it bears it.", [
        stat("Database", "1 if every storage can use it.", "short", {"": "min(mentat_storage_database_up)"}, red=1, below=True,
             alert="MentatDatabaseDown"),
        stat("Size", "Of the database.", "bytes", {"": "max(mentat_storage_database_size_bytes)"}),
        stat("Sessions", "Share of those that the server takes.", "percentunit",
             {"": "max(mentat_storage_database_sessions) / max(mentat_storage_database_max_sessions)"}, red=0.9),
        stat("Oldest transaction", "That is open.", "s", {"": "max(mentat_storage_database_oldest_transaction_seconds)"}),
        stat("Partitions", "Time for which there are some.", "s",
             {"": "min(mentat_storage_partitions_end_timestamp_seconds) - time()"}, red=14 * 86400, below=True, alert="MentatPartitionsEnd"),
        stat("Workers that hold", "Since the database does not take their events.", "short", {"": "sum(mentat_storage_holding_workers)"}, red=1,
             alert="MentatDatabaseDown"),
        stat("Room for the queue", "Free share of its disk.", "percentunit",
             {"": "min(mentat_filer_in_disk_free_bytes / mentat_filer_in_disk_size_bytes)"}, red=0.1, below=True, alert="MentatDiskFull"),
        stat("Dead letters", "In the last 24 hours.", "short", {"": "sum(increase(mentat_storage_dead_letters_total[24h]))"}, red=1,
             alert="MentatDeadLetters"),
        graph("Events", "Stored anew; stored before; with another time than before; refused.", "cps",
              {name: f"sum(rate(mentat_storage_{name}_events_total[$__rate_interval]))"
               for name in ("stored", "duplicate", "conflicting", "refused")}),
        graph("From receipt to commit", "Of 50, 95 and 99 in 100 events.", "s",
              {f"{share} %": quantile(share / 100, "mentat_storage_latency_seconds") for share in (50, 95, 99)}, red=5,
              alert="MentatLatencyHigh"),
        graph("Transactions", "From begin to commit, of 50, 95 and 99 in 100.", "s",
              {f"{share} %": quantile(share / 100, "mentat_storage_transaction_seconds") for share in (50, 95, 99)}, red=1,
              alert="MentatDatabaseSlow"),
        graph("Transactions a second", "Committed.", "cps", {"{{instance}}": rate("mentat_storage_transactions_total", "instance")}),
        graph("Events in a transaction", "On average.", "short",
              {"": "sum(rate(mentat_storage_transaction_events_sum[$__rate_interval])) "
                   "/ sum(rate(mentat_storage_transaction_events_count[$__rate_interval]))"}),
        graph("Tried again", "Transactions that failed for the time being, by kind.", "cps",
              {"{{kind}}": rate("mentat_storage_retries_total", "kind")}, alert="MentatDatabaseDown"),
        graph("Connections", "Of workers, by instance.", "short", {"{{instance}}": "mentat_storage_connections"}),
        graph("Sessions of the server", "Of all users, and what it takes at the most.", "short",
              {"sessions": "max(mentat_storage_database_sessions)", "at the most": "max(mentat_storage_database_max_sessions)"}),
        graph("Size of the database", "", "bytes", {"size": "max(mentat_storage_database_size_bytes)"}),
        graph("Searching for refused rows", "Transactions halved.", "cps", {"{{instance}}": rate("mentat_storage_bisections_total", "instance")},
              alert="MentatDeadLetters"),
        graph("Maintenance", "Rounds that failed, partitions dropped.", "short",
              {"failed {{instance}}": "increase(mentat_storage_maintenance_errors_total[1h])",
               "dropped {{instance}}": "increase(mentat_storage_partitions_dropped_total[1h])"}, alert="MentatPartitionsEnd"),
        graph("Heartbeats committed", "In 5 minutes.", "short", {"{{instance}}": "increase(mentat_storage_heartbeats_total[5m])"},
              alert="MentatHeartbeatMissing"),
        sql("table", "Largest tables", "With their indexes; a partition is a table.",
            "SELECT relname AS \"table\", pg_total_relation_size(oid) AS bytes, greatest(reltuples, 0)::bigint AS rows\n"
            "FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace\nORDER BY 2 DESC LIMIT 20", unit="bytes"),
        sql("table", "Dead letters", "By reason, the latest first.",
            "SELECT reason, stage, left(message, 120) AS message, count(*), max(last_time) AS latest\n"
            "FROM dead_letters GROUP BY 1, 2, 3 ORDER BY 5 DESC LIMIT 20"),
    ], database=True)


def counts(what, title, description, kind="timeseries"):
    """Events of the time shown by one of their properties, the ten most frequent."""
    if kind == "timeseries":
        query = (f"SELECT $__timeGroupAlias(storage_time, $__interval), {what} AS metric, count(*) AS events\n"
                 f"FROM events WHERE $__timeFilter(storage_time)\nGROUP BY 1, 2 ORDER BY 1")
    else:
        query = (f"SELECT {what} AS name, count(*) AS events\nFROM events WHERE $__timeFilter(storage_time)\n"
                 "GROUP BY 1 ORDER BY 2 DESC LIMIT 10")
    return sql(kind, title, description, query)


def detectors():
    # The outermost relay is first in Node, the detector itself last; the column has them all, sorted.
    detector = "coalesce(event #>> '{Node,-1,Name}', '(none)')"
    return board("mentat-detectors", "Mentat: detectors",
                 "Who sends what, and who fell silent. From the database, since names of detectors are no labels of metrics.", [
                     counts(detector, "Events by detector", "When they were stored; long times are slow to show."),
                     counts("coalesce(event_class, '(none)')", "Events by class", "What the inspector made of them."),
                     counts(detector, "Detectors that send most", "In the time shown.", "table"),
                     sql("table", "Silent detectors", "That sent something within the last 7 days, but nothing within the last hour.",
                         f"SELECT {detector} AS detector, max(storage_time) AS latest, count(*) AS events\nFROM events\n"
                         "WHERE storage_time > now() - interval '7 days'\nGROUP BY 1\n"
                         "HAVING max(storage_time) < now() - interval '1 hour'\nORDER BY 2 DESC LIMIT 50"),
                     counts("unnest(category)", "Categories", "In the time shown; an event may have several.", "table"),
                     counts("coalesce(event_severity, '(none)')", "Severities", "In the time shown.", "table"),
                     sql("table", "Late detectors", "Half of a detector's events are older than this when they come.",
                         f"SELECT {detector} AS detector,\n  percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM received_time - detect_time)) AS "
                         "seconds\nFROM events WHERE $__timeFilter(storage_time)\nGROUP BY 1 ORDER BY 2 DESC NULLS LAST LIMIT 20", unit="s"),
                     sql("table", "Inspection errors", "What rules found peculiar, in the time shown.",
                         f"SELECT unnest(inspection_errors) AS error, {detector} AS detector, count(*) AS events\n"
                         "FROM events WHERE $__timeFilter(storage_time)\nGROUP BY 1, 2 ORDER BY 3 DESC LIMIT 20"),
                 ], database=True)


def all_boards():
    return [overview(), pipeline(), stage(), storage(), detectors()]
