package csvfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/source"
)

const (
	bodyMax  = 512 << 20       // bytes read of a URL
	patience = 2 * time.Minute // for one attempt
)

// download returns the lines behind the URL, those of last time when the server says that nothing changed.
func (f *File) download(ctx context.Context) (map[string][]line, error) {
	waits := backoff.NewExponentialBackOff()
	waits.InitialInterval = time.Second
	if f.cfg.Wait > 0 {
		waits.InitialInterval = f.cfg.Wait
	}
	tries := f.cfg.Tries
	if tries == 0 {
		tries = 4
	}
	return backoff.Retry(ctx, func() (map[string][]line, error) {
		lines, err := f.get(ctx)
		if err != nil && !errors.Is(err, source.ErrUnavailable) {
			return nil, backoff.Permanent(err)
		}
		return lines, err
	}, backoff.WithBackOff(waits), backoff.WithMaxTries(tries))
}

func (f *File) get(ctx context.Context) (map[string][]line, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.cfg.URL, nil)
	if err != nil {
		return nil, source.Errorf(source.ErrConfig, "csv url: cannot be used; write it in full, such as https://example.org/load.csv")
	}
	if f.lines != nil {
		for name, value := range map[string]string{"If-None-Match": f.was.etag, "If-Modified-Since": f.was.change} {
			if value != "" {
				req.Header.Set(name, value)
			}
		}
	}
	hc := f.cfg.HTTP
	if hc == nil {
		hc = http.DefaultClient
	}
	resp, err := hc.Do(req)
	if err != nil {
		return nil, f.unavailable(err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotModified && f.lines != nil:
		return f.lines, nil
	case resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusForbidden, resp.StatusCode == http.StatusNotFound,
		resp.StatusCode == http.StatusGone:
		return nil, source.Errorf(source.ErrConfig, "csv url: %s: status %d; correct the URL, or what it grants", f.name(), resp.StatusCode)
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode >= http.StatusInternalServerError:
		return nil, source.Errorf(source.ErrUnavailable, "csv url: %s: status %d", f.name(), resp.StatusCode)
	case resp.StatusCode != http.StatusOK:
		return nil, source.Errorf(source.ErrRejected, "csv url: %s: status %d", f.name(), resp.StatusCode)
	}
	body := &limited{r: resp.Body, left: bodyMax}
	lines, err := f.unpack(body, strings.HasSuffix(req.URL.Path, ".gz"))
	if body.err != nil {
		return nil, f.unavailable(body.err) // what was parsed of it is not to be trusted
	}
	if err != nil {
		return nil, err
	}
	f.lines = lines
	f.was = version{etag: resp.Header.Get("ETag"), change: resp.Header.Get("Last-Modified")}
	return lines, nil
}

// unavailable words an error of the transport without the URL that net/http puts in front of it.
func (f *File) unavailable(err error) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("csv url: %s: %w", f.name(), context.Canceled)
	}
	if inner, ok := errors.AsType[*url.Error](err); ok {
		err = inner.Err
	}
	return source.Errorf(source.ErrUnavailable, "csv url: %s: %v", f.name(), err)
}

// limited fails, rather than ends, where a body is too long, and remembers why reading failed.
type limited struct {
	r    io.Reader
	left int64
	err  error
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		err = fmt.Errorf("body above %d bytes", bodyMax)
	}
	if err != nil && !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		l.err = err
	}
	return n, err
}
