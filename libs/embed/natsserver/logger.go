package natsserver

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"go.uber.org/zap"
)

// logger gives the server's log lines to zap. The server calls Fatalf and then goes on or returns, where its own
// binary would exit; we keep the text to turn it into the error of Open.
type logger struct {
	log    *zap.Logger
	broken chan struct{} // holds one token when a write to disk has failed

	mu     sync.Mutex
	fatals []error
}

func newLogger(log *zap.Logger) *logger {
	if log == nil {
		log = zap.NewNop()
	}
	return &logger{log: log, broken: make(chan struct{}, 1)}
}

// reset forgets what an earlier server died of.
func (l *logger) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fatals = nil
}

func (l *logger) fatal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.fatals...)
}

// Noticef logs at debug level: the banner and recovery lines are no news for who runs the server embedded.
func (l *logger) Noticef(format string, v ...any) {
	l.log.Debug("nats server", zap.String("text", fmt.Sprintf(format, v...)))
}

func (l *logger) Warnf(format string, v ...any) {
	l.log.Warn("nats server", zap.String("text", fmt.Sprintf(format, v...)))
}

// Errorf also looks out for the lines by which alone the server tells that it cannot write to disk.
func (l *logger) Errorf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	l.log.Error("nats server", zap.String("text", text))
	if strings.Contains(text, "failed to store a msg") || strings.Contains(text, "ritical write error") {
		select {
		case l.broken <- struct{}{}:
		default:
		}
	}
}

func (l *logger) Fatalf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	l.mu.Lock()
	l.fatals = append(l.fatals, errors.New(text))
	l.mu.Unlock()
	l.log.Error("nats server", zap.String("text", text))
}

// Debugf and Tracef are never called, since debug and trace are off.
func (l *logger) Debugf(string, ...any) {}

func (l *logger) Tracef(string, ...any) {}
