package rule

import (
	"fmt"
	"slices"
)

// runbook returns what to do about an alert: the first command to run, and where the rest is written. subject is what
// the alert is about.
func runbook(name, subject string) string {
	anchor := name
	if !slices.Contains(Codes(), name) && !slices.Contains(Names(), name) {
		anchor = UnknownError
	}
	return firstStep(name, subject) + "; docs/runbooks.md#" + anchor
}

func firstStep(name, subject string) string {
	switch name {
	case ServiceSilent:
		return fmt.Sprintf("is it running, and what did it say last: kubectl get pods -l app.kubernetes.io/name=%s; kubectl logs -l app.kubernetes.io/name=%s --previous --tail=50", subject, subject)
	case ConsumerStalled, ConsumerLagGrowing, ConsumerBlockedAck, ConsumerNotPulling, ConsumerRedeliveryStorm, ConsumerRewind,
		ConsumerLost, ConsumerGone, ConsumerNoData:
		return fmt.Sprintf("nats consumer info %s; then the log of the service that reads it", subject)
	case ServiceCrashLoop:
		return fmt.Sprintf("what did it say before it died: kubectl logs -l app.kubernetes.io/name=%s --previous --tail=50; kubectl describe pods -l app.kubernetes.io/name=%s", subject, subject)
	case "memory_pressure", "oom_kill", "cpu_throttled":
		return fmt.Sprintf("kubectl top pod %s; give its container more, or its service more replicas", subject)
	case "disk_pressure":
		return "what takes the room: SELECT table, formatReadableSize(sum(bytes_on_disk)) FROM system.parts WHERE active GROUP BY table ORDER BY sum(bytes_on_disk) DESC; subject " + subject
	case SourceStale, "upstream_unavailable", "upstream_schema", "upstream_rejected":
		return fmt.Sprintf("ask the source for the newest data by hand, and read the refresh log: SELECT * FROM v_ingest_runs ORDER BY started_at DESC LIMIT 10; subject %s", subject)
	case "transformation_failed":
		return fmt.Sprintf("SELECT at, message, attributes FROM v_events WHERE code = 'transformation_failed' AND subject = '%s' ORDER BY at DESC LIMIT 5", subject)
	case ForecastDrift:
		return fmt.Sprintf("a retraining was asked for; see whether it helps: SELECT target_ts, actual, mean, scaled_error FROM v_scores WHERE series = '%s' ORDER BY target_ts DESC LIMIT 48", subject)
	case FleetDrift:
		return "what have the series in common, and what changed: SELECT subject, max(value) AS excess FROM v_events WHERE kind = 'drift' AND code = 'daily_error' AND at > now() - INTERVAL 14 DAY GROUP BY subject ORDER BY excess DESC LIMIT 20"
	case "series_broken", "training_held":
		return fmt.Sprintf("bellwether quarantine list --series=%s", subject)
	case "source_silent":
		return fmt.Sprintf("SELECT started_at, status, error FROM v_ingest_runs WHERE source = '%s' ORDER BY started_at DESC LIMIT 10", subject)
	case "quarantined_observations", "schema_mismatch":
		return fmt.Sprintf("SELECT * FROM v_quarantine WHERE status = 'held' ORDER BY known_at DESC LIMIT 20; subject %s", subject)
	case "training_failed":
		return fmt.Sprintf("SELECT candidate, origin, error FROM v_backtests WHERE series = '%s' AND error != '' ORDER BY created_at DESC LIMIT 20", subject)
	case "bad_configuration":
		return "run the service with --help and compare; the message names every bad field; subject " + subject
	case "store_unavailable":
		return "ask the store: curl -s 'http://<clickhouse>:8123/ping'; check its disk; messages wait and nothing is lost; subject " + subject
	case "dead_letter":
		return "nats stream view BW_DLQ; the headers say why; mend the cause, then replay; subject " + subject
	case StateUnreadable:
		return "find alerts that no longer end: SELECT name, labels, started_at FROM v_alerts_open ORDER BY started_at; nats kv get bw_alert " + subject
	case ReceiverDown:
		return fmt.Sprintf("nats stream view BW_DLQ --subject 'bw.dlq.BW_ALERT.receiver_%s'; post to its address by hand: curl -sS -d '{}' <url>", subject)
	case "handler_failed":
		return fmt.Sprintf("SELECT at, message, attributes FROM v_events WHERE kind = 'error' AND subject = '%s' ORDER BY at DESC LIMIT 20", subject)
	default:
		return fmt.Sprintf("SELECT at, service, message, attributes FROM v_events WHERE code = '%s' ORDER BY at DESC LIMIT 20", name)
	}
}
