"""What dashboards are made of: panels, variables, annotations, and their order on the page."""

PROMETHEUS = {"type": "prometheus", "uid": "${prometheus}"}
POSTGRESQL = {"type": "postgres", "uid": "${postgresql}"}
RUNBOOK = "${runbook}"  # a variable, since where it is published is for each installation to say
WIDTH = 24  # columns of a page
# A click on a line of a graph: the logs of that instance. The variable is set once for an installation.
LOGS = {"title": "Logs of ${__field.labels.instance}", "url": "${logs}${__field.labels.instance}", "targetBlank": True}
# What each kind of panel looks like, unless it says otherwise.
OPTIONS = {
    "timeseries": {"legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True},
                   "tooltip": {"mode": "multi", "sort": "desc"}},
    "stat": {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "area", "textMode": "auto",
             "justifyMode": "auto", "orientation": "auto", "wideLayout": True, "showPercentChange": False,
             "percentChangeColorMode": "standard"},
    "table": {},
}


def link(title, url="", kind="link", **options):
    """A link of a page or of a panel."""
    return {"type": kind, "title": title, "url": url, "tooltip": "", "icon": "external link", "tags": [], "targetBlank": True,
            "asDropdown": False, "includeVars": False, "keepTime": False} | options


def target(number, expr, legend):
    return {"refId": chr(ord("A") + number), "datasource": PROMETHEUS, "expr": expr, "legendFormat": legend,
            "range": True, "instant": False}


def panel(kind, title, description, unit, queries, width, height, alert=None, red=None, below=False, **options):
    """A panel of queries {legend: expression}. `alert` names the alert whose page the panel leads to; `red` is its threshold,
    from which values are red, or `below` which."""
    steps = [{"color": "green", "value": None}]
    if red is not None:
        steps = ([{"color": "red", "value": None}, {"color": "green", "value": red}] if below
                 else [{"color": "green", "value": None}, {"color": "red", "value": red}])
    defaults = {"unit": unit, "thresholds": {"mode": "absolute", "steps": steps}, "links": [LOGS]}
    if kind == "timeseries":
        defaults["min"] = 0
        defaults["custom"] = {"fillOpacity": 8, "lineWidth": 1, "showPoints": "never",
                              "thresholdsStyle": {"mode": "line" if red is not None else "off"}}
    else:
        defaults["color"] = {"mode": "thresholds"}
    made = {"type": kind, "title": title, "description": description, "datasource": PROMETHEUS,
            "gridPos": {"w": width, "h": height},
            "fieldConfig": {"defaults": defaults, "overrides": []}, "options": OPTIONS[kind] | options,
            "targets": [target(number, expr, legend) for number, (legend, expr) in enumerate(queries.items())]}
    if alert:
        made["links"] = [link(f"Runbook: {alert}", f"{RUNBOOK}#{alert.lower()}")]
    return made


def graph(title, description, unit, queries, width=12, **options):
    return panel("timeseries", title, description, unit, queries, width, 8, **options)


def stat(title, description, unit, queries, width=3, **options):
    return panel("stat", title, description, unit, queries, width, 4, **options)


def sql(kind, title, description, query, width=12, height=9, unit="short"):
    """A panel of a query in the database."""
    return {"type": kind, "title": title, "description": description, "datasource": POSTGRESQL,
            "gridPos": {"w": width, "h": height},
            "fieldConfig": {"defaults": {"unit": unit, "thresholds": {"mode": "absolute", "steps": [{"color": "green", "value": None}]}},
                            "overrides": []},
            "options": OPTIONS[kind],
            "targets": [{"refId": "A", "datasource": POSTGRESQL, "rawQuery": True, "rawSql": query,
                         "format": "time_series" if kind == "timeseries" else "table"}]}


def heading(title):
    return {"type": "row", "title": title, "collapsed": False, "gridPos": {"w": WIDTH, "h": 1}, "panels": []}


def lay_out(panels):
    """Gives each its place, line by line, and its number."""
    x = y = tallest = 0
    for number, each in enumerate(panels, 1):
        place = each["gridPos"]
        if x + place["w"] > WIDTH:
            x, y, tallest = 0, y + tallest, 0
        each["id"] = number
        each["gridPos"] = {"x": x, "y": y, **place}
        x, tallest = x + place["w"], max(tallest, place["h"])
    return panels


def source_variable(name, kind):
    return {"type": "datasource", "name": name, "label": name.capitalize(), "query": kind, "refresh": 1, "hide": 0,
            "current": {"text": "default", "value": "default"}, "options": []}


def label_variable(name, label, query):
    return {"type": "query", "name": name, "label": label, "datasource": PROMETHEUS, "query": {"query": query, "refId": name},
            "refresh": 2, "sort": 1, "multi": True, "includeAll": True, "allValue": ".*", "hide": 0,
            "current": {"text": "All", "value": "$__all"}, "options": []}


def address_variable(name, label, address):
    return {"type": "textbox", "name": name, "label": label, "hide": 2, "query": address,
            "current": {"text": address, "value": address}, "options": []}


ADDRESSES = [address_variable("logs", "Logs at", "/explore?left="),
             address_variable("runbook", "Runbook at", "docs/operating/runbook.md")]


def annotation(name, color, expr, text):
    return {"name": name, "datasource": PROMETHEUS, "enable": True, "hide": False, "iconColor": color, "expr": expr, "step": "30s",
            "titleFormat": name, "textFormat": text, "tagKeys": "service,instance"}


ANNOTATIONS = [
    annotation("Deployment", "blue",
               "count by (service, version) (mentat_build_info) unless count by (service, version) (mentat_build_info offset 2m)",
               "{{service}} {{version}} is new"),
    annotation("Start", "purple", "changes(mentat_process_start_time_seconds[1m]) > 0", "{{instance}} was started"),
    annotation("Reload", "green", 'increase(mentat_reloads_total{result="ok"}[1m]) > 0', "{{instance}} has new rules or tables"),
    annotation("Alert", "red", 'ALERTS{alertstate="firing", alertname=~"Mentat.*"}', "{{alertname}} {{instance}}"),
]


def board(uid, title, description, panels, variables=(), database=False):
    sources = [source_variable("prometheus", "prometheus")] + ([source_variable("postgresql", "postgres")] if database else [])
    return {
        "uid": uid, "title": title, "description": description, "tags": ["mentat"], "schemaVersion": 38, "version": 1,
        "editable": False, "graphTooltip": 1, "timezone": "browser", "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "annotations": {"list": ANNOTATIONS},
        "templating": {"list": [*sources, *variables, *ADDRESSES]},
        "links": [
            link("Mentat", kind="dashboards", tags=["mentat"], asDropdown=True, targetBlank=False, keepTime=True, includeVars=True),
            link("Runbook", RUNBOOK),
            link("Logs", "${logs}"),
        ],
        "panels": lay_out(panels),
    }
