package natsio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// Codes of a ServiceError.
const (
	CodeInvalid = "400" // the request cannot be answered, ever
	CodeFailed  = "500" // it was not answered; another try may be
)

// pingQuiet is how long Ping waits for one more answer.
const pingQuiet = 300 * time.Millisecond

// ServiceError is an error that the service answered with.
type ServiceError struct {
	Subject     string
	Code        string // CodeInvalid or CodeFailed
	Description string
}

// Error returns the description with the subject it came from.
func (e *ServiceError) Error() string {
	return fmt.Sprintf("%s answers %s: %s", e.Subject, e.Code, e.Description)
}

// Unwrap makes errors.Is(err, stage.ErrPermanent) true for a request that was invalid.
func (e *ServiceError) Unwrap() error {
	if e.Code == CodeInvalid {
		return stage.ErrPermanent
	}
	return nil
}

// Serve answers requests to the verbs of a service on wire.Control(service, verb), and $SRV.PING, INFO and STATS for
// it. Of several processes that serve the same service, one gets each request. Requests of one verb are answered one
// at a time; ctx of a verb ends with stop. An error that wraps stage.ErrPermanent is answered with CodeInvalid.
//
// version should be a semantic version; anything else is shown as metadata of version 0.0.0.
func (b *Bus) Serve(service, version, description string, verbs map[string]func(ctx context.Context, data []byte) ([]byte, error)) (stop func() error, err error) {
	cfg := micro.Config{
		Name:        service,
		Version:     version,
		Description: description,
		ErrorHandler: func(_ micro.Service, e *micro.NATSError) {
			b.log.Error("control plane error", zap.String("service", service), zap.String("subject", e.Subject), zap.String("error", e.Description))
		},
	}
	if !semantic(version) {
		cfg.Version, cfg.Metadata = "0.0.0", map[string]string{"version": version}
	}
	svc, err := micro.AddService(b.nc, cfg)
	if err != nil {
		return nil, fmt.Errorf("serve %s: %w", service, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	stop = func() error {
		cancel()
		if err := svc.Stop(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
			return fmt.Errorf("stop serving %s: %w", service, err)
		}
		return nil
	}
	for verb, f := range verbs {
		h := micro.HandlerFunc(func(r micro.Request) { b.answer(ctx, r, f) })
		if err := svc.AddEndpoint(verb, h, micro.WithEndpointSubject(wire.Control(service, verb))); err != nil {
			return nil, errors.Join(fmt.Errorf("serve %s of %s: %w", verb, service, err), stop())
		}
	}
	return stop, nil
}

func (b *Bus) answer(ctx context.Context, r micro.Request, f func(context.Context, []byte) ([]byte, error)) {
	data, err := callVerb(ctx, r.Data(), f)
	switch {
	case err == nil:
		err = r.Respond(data)
	case errors.Is(err, stage.ErrPermanent):
		err = r.Error(CodeInvalid, oneLine(err.Error()), nil)
	default:
		err = r.Error(CodeFailed, oneLine(err.Error()), nil)
	}
	if err != nil {
		b.log.Error("request not answered", zap.String("subject", r.Subject()), zap.Error(err))
	}
}

func callVerb(ctx context.Context, data []byte, f func(context.Context, []byte) ([]byte, error)) (out []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v at %s", errPanic, r, debug.Stack())
		}
	}()
	return f(ctx, data)
}

// Request asks a service and returns its answer. The error is a *ServiceError when the service answered with one, and
// wraps ErrNotFound when no service listens to subject. Without a deadline of ctx the configured timeout applies.
func (b *Bus) Request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, b.cfg.Timeout)
		defer cancel()
	}
	m, err := b.nc.RequestWithContext(ctx, subject, data)
	if errors.Is(err, nats.ErrNoResponders) {
		return nil, fmt.Errorf("request %s: no service listens: %w", subject, ErrNotFound)
	}
	if err != nil {
		return nil, apiError("request "+subject, err)
	}
	if code := m.Header.Get(micro.ErrorCodeHeader); code != "" {
		return nil, &ServiceError{Subject: subject, Code: code, Description: m.Header.Get(micro.ErrorHeader)}
	}
	return m.Data, nil
}

// Service is one process that answered Ping.
type Service struct {
	Name        string
	ID          string // unique to the process
	Version     string
	Description string
	RTT         time.Duration
}

// Ping returns the services that answer until ctx is done, or none answered any more for a moment, by name and id.
func (b *Bus) Ping(ctx context.Context) ([]Service, error) {
	inbox := b.nc.NewInbox()
	sub, err := b.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, apiError("ping services", err)
	}
	defer func() {
		if err := sub.Unsubscribe(); err != nil {
			b.log.Debug("ping not unsubscribed", zap.Error(err))
		}
	}()
	start := time.Now()
	if err := b.nc.PublishRequest(micro.APIPrefix+"."+micro.InfoVerb.String(), inbox, nil); err != nil {
		return nil, apiError("ping services", err)
	}
	var found []Service
	for {
		s, err := nextService(ctx, sub)
		if errors.Is(err, nats.ErrTimeout) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrNoResponders) {
			break
		}
		if err != nil {
			return nil, apiError("ping services", err)
		}
		s.RTT = time.Since(start)
		found = append(found, s)
	}
	slices.SortFunc(found, func(x, y Service) int { return strings.Compare(x.Name+" "+x.ID, y.Name+" "+y.ID) })
	return found, nil
}

func nextService(ctx context.Context, sub *nats.Subscription) (Service, error) {
	ctx, cancel := context.WithTimeout(ctx, pingQuiet)
	defer cancel()
	m, err := sub.NextMsgWithContext(ctx)
	if err != nil {
		return Service{}, fmt.Errorf("await answer: %w", err)
	}
	var info micro.Info
	if err := json.Unmarshal(m.Data, &info); err != nil {
		return Service{}, fmt.Errorf("decode service info: %w", err)
	}
	s := Service{Name: info.Name, ID: info.ID, Version: info.Version, Description: info.Description}
	if v := info.Metadata["version"]; v != "" {
		s.Version = v
	}
	return s, nil
}

// semantic reports whether v is a semantic version, as the control plane insists on.
func semantic(v string) bool {
	return regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`).MatchString(v)
}
