// Package natsio runs stage handlers over NATS JetStream. It is the only package that knows nats.go.
//
// The policy for acknowledgements, redelivery, order and dead letters is in Bus.Consume and nowhere else.
package natsio

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// Defaults of Config.
const (
	DefaultURL         = "nats://127.0.0.1:4222"
	DefaultTimeout     = 10 * time.Second
	DefaultConnectWait = 30 * time.Second
	DefaultWindow      = 128
)

// Config says how to reach the bus. The zero value of each field means its default.
type Config struct {
	// URL of the server, or several separated by commas.
	URL string `help:"URL of the NATS server, or several separated by commas." default:"nats://127.0.0.1:4222" env:"BELLWETHER_NATS_URL"`
	// Name of the connection as the server shows it; also the last token of the inbox prefix. Empty means "bellwether".
	Name string `help:"Name of the connection; the name of the service when empty." env:"BELLWETHER_NATS_NAME"`
	// Creds is a file with a user's JWT and key. Empty means no credentials.
	Creds string `help:"File with the credentials of the NATS user." env:"BELLWETHER_NATS_CREDS"`
	// User and PasswordFile name a user of a server that knows its users by password. The file is read again for each
	// connection, so a new password needs no new process. Empty means no user.
	User         string `help:"User of the bus." env:"BELLWETHER_NATS_USER"`
	PasswordFile string `help:"File that holds the password of the user." env:"BELLWETHER_NATS_PASSWORD_FILE"`
	// Inbox goes before Name in the inbox prefix: one name for all processes of a service, so that a server can give
	// the service rights on its own replies. Empty means Name alone. It is set by code.
	Inbox string `kong:"-"`
	// Timeout bounds a request, a publish acknowledgement and an API call. 0 means 10 s.
	Timeout time.Duration `help:"How long a request to the bus may take." default:"10s" env:"BELLWETHER_NATS_TIMEOUT"`
	// ConnectWait bounds the first connection; afterwards reconnection goes on for ever. 0 means 30 s.
	ConnectWait time.Duration `help:"How long to try for the first connection." default:"30s" env:"BELLWETHER_NATS_CONNECT_WAIT"`
	// Window is the most messages published and not acknowledged by the server yet. A server that syncs every message
	// to disk answers for a whole window at once, so Window times the duration of a sync must stay well below Timeout.
	// 0 means 128.
	Window int `help:"Most published messages awaiting the server's acknowledgement." default:"128" env:"BELLWETHER_NATS_WINDOW"`
	// Backoff is how long to wait after the first, second, ... failure of a message, with 20 % jitter. The last one
	// is used for all later failures. Empty means 1 s, 5 s, 30 s, 2 min.
	Backoff []time.Duration `help:"Waits before a failed message is tried again." default:"1s,5s,30s,2m" env:"BELLWETHER_NATS_BACKOFF"`
}

// Validate reports every field that cannot work, with the fix.
func (c Config) Validate() error {
	var errs []error
	for u := range strings.SplitSeq(c.withDefaults().URL, ",") {
		p, err := url.Parse(strings.TrimSpace(u))
		if err != nil || p.Host == "" {
			errs = append(errs, fmt.Errorf("nats url %q: not a URL; write nats://host:port", u))
		}
	}
	if c.Creds != "" {
		if _, err := os.Stat(c.Creds); err != nil {
			errs = append(errs, fmt.Errorf("nats creds: %w; name a readable credentials file", err))
		}
	}
	if c.User == "" != (c.PasswordFile == "") {
		errs = append(errs, errors.New("nats user: a user and a password file belong together; set both or none"))
	}
	if c.PasswordFile != "" {
		if _, err := c.password(); err != nil {
			errs = append(errs, err)
		}
	}
	for name, d := range map[string]time.Duration{"timeout": c.Timeout, "connect wait": c.ConnectWait} {
		if d < 0 {
			errs = append(errs, fmt.Errorf("nats %s: %s; use a positive duration, or 0 for the default", name, d))
		}
	}
	if c.Window < 0 {
		errs = append(errs, fmt.Errorf("nats window: %d; use a positive number, or 0 for the default", c.Window))
	}
	for i, d := range c.Backoff {
		if d <= 0 {
			errs = append(errs, fmt.Errorf("nats backoff: wait %d is %s; use positive durations", i+1, d))
		}
	}
	return errors.Join(errs...)
}

// password reads the password file.
func (c Config) password() (string, error) {
	b, err := os.ReadFile(c.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("nats password file: %w; name a readable file", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// inboxPrefix returns the subject under which all answers to this connection arrive.
func (c Config) inboxPrefix() string {
	if c.Inbox == "" {
		return "_INBOX." + wire.Token(c.Name)
	}
	return "_INBOX." + wire.Token(c.Inbox) + "." + wire.Token(c.Name)
}

func (c Config) withDefaults() Config {
	if c.URL == "" {
		c.URL = DefaultURL
	}
	if c.Name == "" {
		c.Name = "bellwether"
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.ConnectWait == 0 {
		c.ConnectWait = DefaultConnectWait
	}
	if c.Window == 0 {
		c.Window = DefaultWindow
	}
	if len(c.Backoff) == 0 {
		c.Backoff = []time.Duration{time.Second, 5 * time.Second, 30 * time.Second, 2 * time.Minute}
	}
	return c
}
