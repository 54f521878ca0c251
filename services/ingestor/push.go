package ingestor

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/inbox"
)

const (
	takeTimeout = 30 * time.Second // longest wait for the bus to store what was sent
	nameMax     = 200              // bytes of an idempotency key
)

// pushError is the body of an answer that refuses a request: what is wrong, field by field.
type pushError struct {
	Errors inbox.Errors `json:"errors"`
}

// PushHandler serves POST /v1/sources/{source}/observations for the sources of kind push. It answers 200 after the bus
// has stored what was sent, 4xx with the fields that are wrong and what to do about them, and 503 when the sender should
// try again: then nothing is lost by repeating the request as it is.
func (g *Ingestor) PushHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/sources/{source}/observations", g.push)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, inbox.Problem{Field: "path", Problem: r.Method + " " + r.URL.Path + " is not served", Fix: "send POST /v1/sources/NAME/observations"})
	})
	return mux
}

func (g *Ingestor) push(w http.ResponseWriter, req *http.Request) {
	r, problem := g.pushed(req)
	if problem != nil {
		// A sender without the token learns nothing, not even which sources there are.
		w.Header().Set("WWW-Authenticate", `Bearer realm="bellwether"`)
		refuse(w, http.StatusUnauthorized, *problem)
		return
	}
	if !g.leading.Load() {
		tryLater(w, "this replica does not take observations", "try again: another replica takes them")
		return
	}
	body, status, problem := r.body(w, req)
	if problem != nil {
		refuse(w, status, *problem)
		return
	}
	name := req.Header.Get("Idempotency-Key")
	if len(name) > nameMax {
		refuse(w, http.StatusBadRequest, inbox.Problem{Field: "Idempotency-Key", Problem: fmt.Sprintf("longer than %d bytes", nameMax), Fix: "send a UUID"})
		return
	}
	ctx, cancel := context.WithTimeout(req.Context(), takeTimeout)
	defer cancel()
	taken, err := r.Take(ctx, name, body)
	problems, wrong := errors.AsType[inbox.Errors](err)
	switch {
	case err == nil:
		answer(w, http.StatusOK, taken)
	case wrong:
		refuse(w, http.StatusBadRequest, problems...)
	case errors.Is(err, errConflict):
		refuse(w, http.StatusUnprocessableEntity, inbox.Problem{Field: "Idempotency-Key", Problem: "came before with another body", Fix: "send a new key for a new body"})
	default:
		g.deps.Log.Error("push not stored", zap.String("source", r.spec.Name), zap.Error(err))
		tryLater(w, "not stored", "repeat the request as it is, with the same Idempotency-Key")
	}
}

// pushed returns the source that a request is for, or why it is not let in.
func (g *Ingestor) pushed(req *http.Request) (*Runner, *inbox.Problem) {
	r := g.byName[req.PathValue("source")]
	refused := &inbox.Problem{Field: "Authorization", Problem: "no source of this name takes this token", Fix: "send Authorization: Bearer TOKEN with the token of the source"}
	if r == nil || r.spec.Kind != KindPush {
		return nil, refused
	}
	want, err := secret("token", r.spec.Push.TokenEnv, r.spec.Push.TokenFile, "the token that senders present")
	if err != nil {
		g.deps.Log.Error("push token not read", zap.String("source", r.spec.Name), zap.Error(err))
		return nil, refused
	}
	got, ok := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	// Digests have the same length, so that the comparison takes the same time for every token.
	a, b := sha256.Sum256([]byte(got)), sha256.Sum256([]byte(want))
	if !ok || subtle.ConstantTimeCompare(a[:], b[:]) != 1 {
		return nil, refused
	}
	return r, nil
}

// body reads the body of a push.
func (r *Runner) body(w http.ResponseWriter, req *http.Request) ([]byte, int, *inbox.Problem) {
	kind, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return nil, http.StatusUnsupportedMediaType, &inbox.Problem{Field: "Content-Type", Problem: fmt.Sprintf("%.60q", req.Header.Get("Content-Type")), Fix: "send application/json"}
	}
	if req.Header.Get("Content-Encoding") != "" {
		return nil, http.StatusUnsupportedMediaType, &inbox.Problem{Field: "Content-Encoding", Problem: "bodies are not unpacked", Fix: "send plain JSON"}
	}
	limit := r.spec.Push.MaxBytes
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, limit))
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		return nil, http.StatusRequestEntityTooLarge, &inbox.Problem{Field: "body", Problem: fmt.Sprintf("longer than %d bytes", limit), Fix: "send fewer observations at once, or raise push.max_bytes"}
	}
	if err != nil {
		return nil, http.StatusBadRequest, &inbox.Problem{Field: "body", Problem: "did not come through", Fix: "send it again"}
	}
	return body, 0, nil
}

func refuse(w http.ResponseWriter, status int, problems ...inbox.Problem) {
	answer(w, status, pushError{problems})
}

func tryLater(w http.ResponseWriter, problem, fix string) {
	w.Header().Set("Retry-After", "2")
	refuse(w, http.StatusServiceUnavailable, inbox.Problem{Field: "service", Problem: problem, Fix: fix})
}

func answer(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		status, text = http.StatusInternalServerError, nil
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // a sender that hung up repeats the request
}

// servePush serves the push port until ctx is done.
func (g *Ingestor) servePush(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler: g.PushHandler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: time.Minute,
		WriteTimeout: time.Minute + takeTimeout, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: zap.NewStdLog(g.deps.Log.Named("push")),
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	select {
	case err := <-done:
		return fmt.Errorf("push: %w", err)
	case <-ctx.Done():
	}
	// Requests in hand are answered first.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := srv.Shutdown(last)
	if served := <-done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	if err != nil {
		return fmt.Errorf("push: %w", err)
	}
	return nil
}
