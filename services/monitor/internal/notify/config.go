package notify

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"time"

	"github.com/bellwether-forecast/bellwether/services/monitor/internal/match"
)

// Defaults of a route, those of Alertmanager.
const (
	DefaultWait     = 30 * time.Second
	DefaultInterval = 5 * time.Minute
	DefaultRepeat   = 4 * time.Hour
)

// Defaults of a webhook.
const (
	DefaultTimeout = 10 * time.Second
	DefaultGiveUp  = 10 * time.Minute
)

// AllLabels in group_by stands for every label and the name: no two alerts are told together.
const AllLabels = "..."

// Receiver is somebody who is told by webhook.
type Receiver struct {
	Name         string  `yaml:"name" json:"name"`
	Webhook      Webhook `yaml:"webhook" json:"webhook"`
	SendResolved *bool   `yaml:"send_resolved,omitempty" json:"send_resolved,omitempty" jsonschema:"description=Whether the end of an alert is told; true by default."`
	Fallback     string  `yaml:"fallback,omitempty" json:"fallback,omitempty" jsonschema:"description=The receiver that is told when this one cannot be."`
}

// Webhook is where notifications are posted, in Alertmanager's payload form, version 4.
type Webhook struct {
	URL     string        `yaml:"url,omitempty" json:"url,omitempty" jsonschema:"description=Where to post; one of url and url_file."`
	URLFile string        `yaml:"url_file,omitempty" json:"url_file,omitempty" jsonschema:"description=A file with the address\\, for one that is a secret."`
	Timeout time.Duration `yaml:"timeout,omitempty" json:"timeout,omitempty" jsonschema:"description=Of one attempt; 10s by default."`
	GiveUp  time.Duration `yaml:"give_up_after,omitempty" json:"give_up_after,omitempty" jsonschema:"description=How long to try; 10m by default. Then the fallback is told\\, or else the notification is a dead letter and receiver_failed is raised."`
}

// Route says which alerts go to which receiver. Fields that are not given are those of the route around it.
type Route struct {
	Match          []match.Matcher `yaml:"match,omitempty" json:"match,omitempty" jsonschema:"description=Which alerts; all when not given."`
	Receiver       string          `yaml:"receiver,omitempty" json:"receiver,omitempty"`
	GroupBy        []string        `yaml:"group_by,omitempty" json:"group_by,omitempty" jsonschema:"description=Labels whose alerts are told together when they agree in them; name severity and class are labels too\\, ... is all of them."`
	GroupWait      *time.Duration  `yaml:"group_wait,omitempty" json:"group_wait,omitempty" jsonschema:"description=How long the first word of a group waits for others; 30s by default."`
	GroupInterval  *time.Duration  `yaml:"group_interval,omitempty" json:"group_interval,omitempty" jsonschema:"description=Least time between two words of a group; 5m by default."`
	RepeatInterval *time.Duration  `yaml:"repeat_interval,omitempty" json:"repeat_interval,omitempty" jsonschema:"description=When what still stands is told again; 4h by default\\, 0s means never."`
	Continue       bool            `yaml:"continue,omitempty" json:"continue,omitempty" jsonschema:"description=Later routes are asked too."`
	Routes         []Route         `yaml:"routes,omitempty" json:"routes,omitempty" jsonschema:"description=Asked before this one takes the alert."`

	path string // receivers from the root on
}

func (r Route) wait() time.Duration     { return or(r.GroupWait, DefaultWait) }
func (r Route) interval() time.Duration { return or(r.GroupInterval, DefaultInterval) }
func (r Route) repeat() time.Duration   { return or(r.RepeatInterval, DefaultRepeat) }

func or(d *time.Duration, otherwise time.Duration) time.Duration {
	if d == nil {
		return otherwise
	}
	return *d
}

func (r Receiver) sendsResolved() bool { return r.SendResolved == nil || *r.SendResolved }

var (
	word     = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	errRoute = errors.New("routes")
)

// Validate reports every field that is wrong, by its path.
func Validate(receivers []Receiver, routes []Route) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	names := map[string]bool{}
	for n, r := range receivers {
		path := fmt.Sprintf("receivers[%d]", n)
		if !word.MatchString(r.Name) {
			bad("%s.name: %q is not letters, digits, _ and -", path, r.Name)
		}
		if names[r.Name] {
			bad("%s.name: %q is named twice", path, r.Name)
		}
		names[r.Name] = true
		w := r.Webhook
		if (w.URL == "") == (w.URLFile == "") {
			bad("%s.webhook: give one of url and url_file", path)
		}
		if w.URL != "" {
			if u, err := url.Parse(w.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
				bad("%s.webhook.url: %q is not an http or https address", path, w.URL)
			}
		}
		if w.Timeout < 0 || w.GiveUp < 0 {
			bad("%s.webhook: timeout and give_up_after are not negative", path)
		}
	}
	for n, r := range receivers {
		if r.Fallback != "" && (!names[r.Fallback] || r.Fallback == r.Name) {
			bad("receivers[%d].fallback: %q is not another receiver", n, r.Fallback)
		}
	}
	validateRoutes("routes", routes, "", names, &errs)
	return errors.Join(errs...)
}

func validateRoutes(path string, routes []Route, receiver string, names map[string]bool, errs *[]error) {
	for n, r := range routes {
		at := fmt.Sprintf("%s[%d]", path, n)
		to := receiver
		if r.Receiver != "" {
			to = r.Receiver
		}
		if !names[to] {
			*errs = append(*errs, fmt.Errorf("%s.receiver: %q is not among the receivers", at, to))
		}
		for name, d := range map[string]*time.Duration{"group_wait": r.GroupWait, "group_interval": r.GroupInterval, "repeat_interval": r.RepeatInterval} {
			if d != nil && (*d < 0 || *d == 0 && name == "group_interval") {
				*errs = append(*errs, fmt.Errorf("%s.%s: %s is not positive: %w", at, name, *d, errRoute))
			}
		}
		validateRoutes(at+".routes", r.Routes, to, names, errs)
	}
}
