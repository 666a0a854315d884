#!/usr/bin/env python3
"""Writes the dashboards beside it from one list of panels, so that they look and query alike.

    deploy/grafana/dashboards.py            writes them
    deploy/grafana/dashboards.py --check    exits 1 when what is committed differs
"""
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
J = '{job="$job"}'


def panel(title, unit, *queries, kind="timeseries", help=""):
    """A panel: each query is an expression and the legend of its series."""
    return {"title": title, "unit": unit, "queries": queries, "kind": kind, "help": help}


def rate(metric, by="", where=""):
    selector = '{job="$job"' + (", " + where if where else "") + "}"
    return f"sum{f' by ({by})' if by else ''} (rate({metric}{selector}[$__rate_interval]))"


def quantile(share, metric, by="", where=""):
    selector = '{job="$job"' + (", " + where if where else "") + "}"
    labels = ", ".join(["le"] + ([by] if by else []))
    return f"histogram_quantile({share}, sum by ({labels}) (rate({metric}_bucket{selector}[$__rate_interval])))"


SAFETY = [
    panel("Files safe within 30 minutes", "percentunit",
          ("1 - backhaul:unsafe:ratio_rate1h", "{{destination}}"),
          help="The share of files whose result came within 30 minutes of their acceptance; the goal is 99 %."),
    panel("Time to safety, p50 and p99", "s",
          (quantile(0.5, "backhaul_task_duration_seconds", "destination"), "p50 {{destination}}"),
          (quantile(0.99, "backhaul_task_duration_seconds", "destination"), "p99 {{destination}}")),
]

DASHBOARDS = {
    "overview": ("Backhaul: overview", [
        panel("Results a second", "ops", (rate("backhaul_results_total", "status"), "{{status}}")),
        panel("Tasks by state", "short", (f"max by (state) (backhaul_tasks{J})", "{{state}}")),
        *SAFETY,
        panel("Time to safety by class of tenants, p99", "s",
              (quantile(0.99, "backhaul_task_duration_seconds", "tenant_class"), "{{tenant_class}}")),
        panel("What unfinished tasks wait for", "short",
              (f"max by (reason, destination) (backhaul_unfinished_tasks{J})", "{{reason}} {{destination}}")),
        panel("Age of the oldest unfinished task", "s",
              (f"max by (reason, destination) (backhaul_oldest_unfinished_age_seconds{J})",
               "{{reason}} {{destination}}")),
        panel("Stored bytes a second", "Bps", (rate("backhaul_uploaded_bytes_total", "destination"), "{{destination}}")),
        panel("Failed for good, an hour", "short",
              (f"sum by (destination, class) (increase(backhaul_failed_tasks_total{J}[1h]))",
               "{{class}} {{destination}}")),
        panel("Versions", "short", (f"count by (role, version) (backhaul_build_info{J})", "{{role}} {{version}}"),
              kind="table"),
    ]),
    "worker": ("Backhaul: workers", [
        panel("Attempts a second", "ops",
              (rate("backhaul_upload_duration_seconds_count", "destination, outcome"), "{{outcome}} {{destination}}")),
        panel("Upload, p50 and p99", "s",
              (quantile(0.5, "backhaul_upload_duration_seconds", "destination"), "p50 {{destination}}"),
              (quantile(0.99, "backhaul_upload_duration_seconds", "destination"), "p99 {{destination}}")),
        panel("Wait for an upload, p99", "s", (quantile(0.99, "backhaul_task_wait_duration_seconds", "lane"), "{{lane}}")),
        panel("Settlement, p99", "s", (quantile(0.99, "backhaul_settle_duration_seconds"), "p99")),
        panel("Transfers", "short", (f"sum(backhaul_transfers_running{J})", "running"),
              (f"sum(backhaul_transfers_waiting{J})", "waiting")),
        panel("Answers a second", "ops", (rate("backhaul_transfers_total", "answer"), "{{answer}}")),
        panel("Set aside, an hour", "short",
              (f"sum by (topic) (increase(backhaul_malformed_records_total{J}[1h]))", "malformed {{topic}}"),
              (f"sum by (end) (increase(backhaul_refused_decisions_total{J}[1h]))", "refused {{end}}")),
    ]),
    "acknowledger": ("Backhaul: acknowledgers", [
        panel("Results a second", "ops", (rate("backhaul_results_total", "status"), "{{status}}")),
        panel("Repeated outcomes a second", "ops", (rate("backhaul_second_outcomes_total"), "second outcomes"),
              (rate("backhaul_conflicts_total"), "conflicts")),
        panel("Records behind the log", "short", (f"max by (instance) (backhaul_view_lag_records{J})", "{{instance}}")),
        panel("Commit of the view, p99", "s", (quantile(0.99, "backhaul_view_commit_duration_seconds"), "p99")),
        panel("Space on the data disk", "percentunit",
              (f"min by (instance) (backhaul_data_free_bytes{J} / backhaul_data_size_bytes{J})", "{{instance}}")),
        panel("Last success", "dateTimeAsIso",
              (f"max by (destination) (backhaul_last_success_timestamp_seconds{J}) * 1000", "{{destination}}"),
              kind="table"),
    ]),
    "ingest": ("Backhaul: ingest", [
        panel("Tasks a second", "ops", (rate("backhaul_ingest_tasks_total", "outcome"), "{{outcome}}")),
        panel("Answers, p99", "s", (quantile(0.99, "backhaul_http_request_duration_seconds", "route"), "{{route}}")),
        panel("Refusals a second", "ops", (rate("backhaul_http_refusals_total", "code"), "{{code}}")),
        panel("Lookups that failed, an hour", "short",
              (f"sum by (instance) (increase(backhaul_ingest_lookup_failures_total{J}[1h]))", "{{instance}}")),
        panel("Days until a token or certificate expires", "d",
              (f"min by (instance) (backhaul_api_token_next_expiry_timestamp_seconds{J} - time()) / 86400",
               "token {{instance}}"),
              (f"min by (instance) (backhaul_api_certificate_expiry_timestamp_seconds{J} - time()) / 86400",
               "certificate {{instance}}")),
    ]),
    "kafka": ("Backhaul: Kafka clients", [
        panel("Transactions a second", "ops", (rate("backhaul_kafka_transactions_total", "outcome"), "{{outcome}}")),
        panel("Commit, p99", "s", (quantile(0.99, "backhaul_kafka_commit_duration_seconds"), "p99")),
        panel("Rebalances, an hour", "short",
              (f"sum by (group, kind) (increase(backhaul_kafka_rebalances_total{J}[1h]))", "{{kind}} {{group}}")),
        panel("Bytes a second", "Bps", (rate("backhaul_kafka_sent_bytes_total"), "sent"),
              (rate("backhaul_kafka_received_bytes_total"), "received")),
        panel("Waiting in the client", "short", (f"sum by (client) (backhaul_kafka_messages_waiting{J})", "{{client}}")),
        panel("Waiting for brokers", "short", (f"sum(backhaul_waiting_for_brokers{J})", "processes")),
    ]),
    "capacity": ("Backhaul: capacity", [
        panel("Outstanding records", "short", (f"max by (group, topic) (backhaul_outstanding_records{J})", "{{topic}}")),
        panel("Bytes of unfinished files", "bytes",
              (f"max by (topic) (backhaul_outstanding_file_bytes{J})", "{{topic}}")),
        panel("Oldest outstanding record", "s",
              (f"max by (topic) (backhaul_oldest_outstanding_age_seconds{J})", "{{topic}}")),
        panel("Memory", "bytes", (f"process_resident_memory_bytes{J}", "{{instance}}")),
        panel("Cores", "short", (f"rate(process_cpu_seconds_total{J}[$__rate_interval])", "{{instance}}")),
        panel("File descriptors", "percentunit", (f"process_open_fds{J} / process_max_fds{J}", "{{instance}}")),
    ]),
}


def dashboard(name, title, panels):
    made = []
    for number, one in enumerate(panels):
        made.append({
            "id": number + 1, "title": one["title"], "description": one["help"], "type": one["kind"],
            "datasource": {"type": "prometheus", "uid": "$datasource"},
            "gridPos": {"h": 8, "w": 12, "x": 12 * (number % 2), "y": 8 * (number // 2)},
            "fieldConfig": {"defaults": {"unit": one["unit"], "min": 0}, "overrides": []},
            "targets": [
                {"refId": chr(ord("A") + index), "expr": expr, "legendFormat": legend,
                 "instant": one["kind"] == "table", "format": "table" if one["kind"] == "table" else "time_series"}
                for index, (expr, legend) in enumerate(one["queries"])],
        })
    return {
        "uid": f"backhaul-{name}", "title": title, "tags": ["backhaul"], "schemaVersion": 39, "editable": True,
        "time": {"from": "now-6h", "to": "now"}, "refresh": "30s", "timezone": "browser",
        "links": [{"title": "Backhaul", "type": "dashboards", "tags": ["backhaul"], "asDropdown": True}],
        "templating": {"list": [
            {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "data source"},
            {"name": "job", "type": "query", "label": "job", "datasource": {"type": "prometheus", "uid": "$datasource"},
             "query": "label_values(backhaul_build_info, job)", "refresh": 2,
             "current": {"text": "backhaul", "value": "backhaul"}},
        ]},
        "annotations": {"list": []},
        "panels": made,
    }


def main():
    stale = []
    for name, (title, panels) in DASHBOARDS.items():
        path = HERE / f"{name}.json"
        text = json.dumps(dashboard(name, title, panels), indent=2, ensure_ascii=False) + "\n"
        if "--check" not in sys.argv[1:]:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            stale.append(path.name)
    if stale:
        sys.exit(f"dashboards: {', '.join(stale)} differ from their source; run deploy/grafana/dashboards.py")


if __name__ == "__main__":
    main()
