// Package chio reads and writes the record in ClickHouse. It is the only package that knows SQL, the driver and the
// tables.
//
// It speaks ClickHouse's HTTP protocol alone, so that a ClickHouse server, a cluster and the embedded engine are one
// code path. Times are kept with milliseconds; finer parts are cut off.
package chio

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// Config says where the store is and how long to wait for it. Embed it with a kong prefix and envprefix.
type Config struct {
	Addr         string        `help:"Address of ClickHouse's HTTP port, host:port; several with commas, tried in this order." default:"127.0.0.1:8123" env:"ADDR"`
	Database     string        `help:"Database that holds the record." default:"bellwether" env:"DATABASE"`
	User         string        `help:"User of the store." default:"default" env:"USER"`
	Password     string        `help:"Password of the user. Set it by environment or file, never by flag." hidden:"" env:"PASSWORD"`
	PasswordFile string        `help:"File that holds the password." env:"PASSWORD_FILE"`
	TLS          bool          `help:"Use HTTPS." name:"tls" env:"TLS"`
	DialTimeout  time.Duration `help:"Longest wait for a connection." default:"3s" env:"DIAL_TIMEOUT"`
	WriteTimeout time.Duration `help:"Longest wait for one write." default:"15s" env:"WRITE_TIMEOUT"`
	QueryTimeout time.Duration `help:"Longest wait for one query." default:"60s" env:"QUERY_TIMEOUT"`
	MaxConns     int           `help:"Most connections to the store." default:"12" env:"MAX_CONNS"`
	Failures     int           `help:"Failures in a row after which the store is left alone for a while." default:"5" env:"FAILURES"`
	Cooldown     time.Duration `help:"How long the store is left alone." default:"5s" env:"COOLDOWN"`
}

// DefaultConfig returns the defaults, the same as those of the flags.
func DefaultConfig() Config {
	return Config{
		Addr:         "127.0.0.1:8123",
		Database:     "bellwether",
		User:         "default",
		DialTimeout:  3 * time.Second,
		WriteTimeout: 15 * time.Second,
		QueryTimeout: time.Minute,
		MaxConns:     12,
		Failures:     5,
		Cooldown:     5 * time.Second,
	}
}

// A database or cluster name goes into DDL as it is, so it must be one that needs no quoting.
var errName = errors.New("must be letters, digits and underscores and not begin with a digit")

func checkName(s string) error {
	if ok, _ := regexp.MatchString(`^[A-Za-z_][A-Za-z0-9_]*$`, s); !ok {
		return fmt.Errorf("%q %w", s, errName)
	}
	return nil
}

// Validate reports every field that is wrong and how to mend it.
func (c Config) Validate() error {
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("clickhouse "+field+": "+format, args...))
	}
	for _, addr := range c.addrs() {
		if host, port, err := net.SplitHostPort(addr); err != nil || host == "" || port == "" {
			bad("addr", "%q is not host:port; give for example 127.0.0.1:8123", addr)
		}
	}
	if err := checkName(c.Database); err != nil {
		bad("database", "%w", err)
	}
	if c.User == "" {
		bad("user", "is empty; give the name of a ClickHouse user, for example default")
	}
	if c.Password != "" && c.PasswordFile != "" {
		bad("password", "is set together with password_file; set one of them")
	}
	for field, d := range map[string]time.Duration{
		"dial_timeout": c.DialTimeout, "write_timeout": c.WriteTimeout, "query_timeout": c.QueryTimeout, "cooldown": c.Cooldown,
	} {
		if d <= 0 {
			bad(field, "is %s; give a positive duration, for example 5s", d)
		}
	}
	if c.MaxConns < 1 {
		bad("max_conns", "is %d; give at least 1", c.MaxConns)
	}
	if c.Failures < 1 {
		bad("failures", "is %d; give at least 1", c.Failures)
	}
	return errors.Join(errs...)
}

func (c Config) addrs() []string {
	out := strings.Split(c.Addr, ",")
	for i := range out {
		out[i] = strings.TrimSpace(out[i])
	}
	return out
}

// idleTimeout is how long an unused connection is kept: shorter than any ClickHouse keeps it, because an insert that is
// sent while the server closes the connection fails.
const idleTimeout = 2 * time.Second

// Secret returns the password, after reading the password file.
func (c Config) Secret() (string, error) {
	if c.PasswordFile == "" {
		return c.Password, nil
	}
	b, err := os.ReadFile(c.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("clickhouse password_file: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// options returns the driver's options, after reading the password file. database may be empty.
func (c Config) options(database string) (*clickhouse.Options, error) {
	password, err := c.Secret()
	if err != nil {
		return nil, err
	}
	o := &clickhouse.Options{
		Protocol:         clickhouse.HTTP,
		Addr:             c.addrs(),
		Auth:             clickhouse.Auth{Database: database, Username: c.User, Password: password},
		ConnOpenStrategy: clickhouse.ConnOpenInOrder,
		DialTimeout:      c.DialTimeout,
		MaxOpenConns:     c.MaxConns,
		MaxIdleConns:     c.MaxConns,
		TransportFunc: func(t *http.Transport) (http.RoundTripper, error) {
			t.IdleConnTimeout = idleTimeout
			return t, nil
		},
	}
	if c.TLS {
		o.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return o, nil
}
