package notify

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// Message is a notification in the payload form of Alertmanager's webhook, version 4
// (https://prometheus.io/docs/alerting/latest/configuration/#webhook_config), so that bridges made for it work.
type Message struct {
	Version           string            `json:"version"`
	GroupKey          string            `json:"groupKey"`
	TruncatedAlerts   int               `json:"truncatedAlerts"`
	Status            string            `json:"status"`
	Receiver          string            `json:"receiver"`
	GroupLabels       map[string]string `json:"groupLabels"`
	CommonLabels      map[string]string `json:"commonLabels"`
	CommonAnnotations map[string]string `json:"commonAnnotations"`
	ExternalURL       string            `json:"externalURL"`
	Alerts            []MessageAlert    `json:"alerts"`
}

// MessageAlert is one alert of a Message.
type MessageAlert struct {
	Status       string            `json:"status"` // "firing" or "resolved"
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

const (
	firing   = "firing"
	resolved = "resolved"
)

// Payload returns what is posted for n. The name of the alert is the label alertname, and also the label name.
func Payload(n Notification) Message {
	m := Message{Version: "4", GroupKey: n.Group, Status: resolved, Receiver: n.Receiver, GroupLabels: n.Labels, Alerts: []MessageAlert{}}
	for i := range n.Alerts {
		a := payloadAlert(&n.Alerts[i])
		if a.Status == firing {
			m.Status = firing
		}
		m.Alerts = append(m.Alerts, a)
	}
	m.CommonLabels = common(m.Alerts, func(a MessageAlert) map[string]string { return a.Labels })
	m.CommonAnnotations = common(m.Alerts, func(a MessageAlert) map[string]string { return a.Annotations })
	return m
}

func payloadAlert(a *event.Alert) MessageAlert {
	out := MessageAlert{Status: firing, StartsAt: a.StartedAt, Fingerprint: a.Fingerprint, Labels: map[string]string{}, Annotations: map[string]string{}}
	maps.Copy(out.Labels, a.Labels)
	out.Labels["alertname"], out.Labels["name"] = a.Name, a.Name
	out.Labels["severity"], out.Labels["class"] = string(a.Severity), string(a.Class)
	var evidence []string
	for _, e := range a.Evidence {
		evidence = append(evidence, string(e.Kind)+": "+e.Text)
	}
	for k, v := range map[string]string{
		"summary": a.Summary, "description": a.Cause, "runbook": a.Runbook, "alert_id": a.ID, "state": string(a.State), "reason": a.Reason,
		"evidence": strings.Join(evidence, "\n"),
	} {
		if v != "" {
			out.Annotations[k] = v
		}
	}
	if a.State == event.Resolved {
		out.Status, out.EndsAt = resolved, a.ResolvedAt
	}
	return out
}

// common returns what all alerts share.
func common(alerts []MessageAlert, of func(MessageAlert) map[string]string) map[string]string {
	out := map[string]string{}
	if len(alerts) == 0 {
		return out
	}
	maps.Copy(out, of(alerts[0]))
	for _, a := range alerts[1:] {
		for k, v := range out {
			if w, ok := of(a)[k]; !ok || w != v {
				delete(out, k)
			}
		}
	}
	return out
}

// DeadLetter returns a notification that could not be delivered as a message of the stream of dead letters.
func DeadLetter(n Notification, class, reason string, now time.Time) stage.Message {
	data, err := json.Marshal(Payload(n))
	if err != nil {
		data = []byte(err.Error()) // strings and times alone: it does not happen
	}
	consumer := "receiver_" + n.Receiver
	return stage.Message{
		Subject: wire.DLQ(wire.StreamAlert, consumer),
		ID:      "dead." + n.ID,
		Header: map[string]string{
			"Bw-Reason-Class": class, "Bw-Reason": reason, "Bw-Stage": "publish", "Bw-Message-Id": n.ID, "Bw-Stream": wire.StreamAlert,
			"Bw-Consumer": consumer, "Bw-Failed-At": now.UTC().Format(time.RFC3339Nano), "Content-Type": "application/json",
		},
		Data: data,
	}
}

// Address returns where to post, without blanks around it. read reads a file.
func (r Receiver) Address(read func(string) ([]byte, error)) (string, error) {
	if r.Webhook.URL != "" {
		return r.Webhook.URL, nil
	}
	data, err := read(r.Webhook.URLFile)
	if err != nil {
		return "", fmt.Errorf("receiver %s: url_file: %w", r.Name, err)
	}
	return strings.TrimSpace(string(data)), nil
}

// Timeout returns that of one attempt.
func (r Receiver) Timeout() time.Duration { return orDefault(r.Webhook.Timeout, DefaultTimeout) }

// GiveUp returns how long to try.
func (r Receiver) GiveUp() time.Duration { return orDefault(r.Webhook.GiveUp, DefaultGiveUp) }

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}
