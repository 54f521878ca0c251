package clickhouse

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/bellwether-forecast/bellwether/libs/embed/clickhouse/internal/chdb"
)

// Error codes of ClickHouse that the gateway raises itself or maps to a status
// other than 500.
const (
	codeCannotReadAll      = 33
	codeBadArguments       = 36
	codeNotImplemented     = 48
	codeSyntaxError        = 62
	codeUnknownCompression = 89
	codeUnknownSetting     = 115
	codeReadonly           = 164
	codeTooMany            = 202
	codeQueryIDInUse       = 216
	codeQueryTooLarge      = 229
	codeSessionNotFound    = 372
	codeSessionLocked      = 373
	codeSessionTimeout     = 374
	codeCancelled          = 394
	codeAuthentication     = 516
	codeUnknown            = 1002
)

// exception makes an error in the form of the engine's own.
func exception(code int, format string, args ...any) *chdb.Error {
	return &chdb.Error{Code: code, Message: fmt.Sprintf("Code: %d. DB::Exception: ", code) + fmt.Sprintf(format, args...)}
}

// asException returns the engine's exception in err's chain, or nil.
func asException(err error) *chdb.Error {
	e, _ := errors.AsType[*chdb.Error](err)
	return e
}

// toException types any error.
func toException(err error) *chdb.Error {
	if e := asException(err); e != nil {
		if e.Code == 0 {
			return exception(codeUnknown, "%s", e.Message)
		}
		return e
	}
	return exception(codeUnknown, "%v", err)
}

// status is the HTTP status ClickHouse answers with for an error code.
func status(code int) int {
	switch code {
	case 194: // REQUIRED_PASSWORD
		return http.StatusUnauthorized
	case 192, 193, codeAuthentication: // UNKNOWN_USER, WRONG_PASSWORD
		return http.StatusForbidden
	case 6, 26, 27, codeCannotReadAll, 38, 41, 53, 69, 72, 117, 130, 131, codeBadArguments, codeSyntaxError: // cannot parse, type mismatch, incorrect data
		return http.StatusBadRequest
	case 46, 47, 50, 56, 60, 63, 73, 78, 81, codeUnknownSetting: // unknown function, identifier, type, table, format, database …
		return http.StatusNotFound
	case 159: // TIMEOUT_EXCEEDED
		return http.StatusRequestTimeout
	case codeQueryTooLarge:
		return http.StatusRequestEntityTooLarge
	case codeNotImplemented:
		return http.StatusNotImplemented
	}
	return http.StatusInternalServerError
}

// writeException answers a request of which nothing was sent yet.
func writeException(w http.ResponseWriter, err error) {
	e := toException(err)
	h := w.Header()
	h.Set("X-ClickHouse-Exception-Code", strconv.Itoa(e.Code))
	h.Set("Content-Type", "text/plain; charset=UTF-8")
	h.Del("Content-Encoding")
	h.Del("Content-Length")
	w.WriteHeader(status(e.Code))
	_, _ = fmt.Fprintln(w, e.Message) // the client may be gone
}

// frame writes an exception that is raised after the status line was sent, in
// the form in which clients look for it at the end of the body. tag is 16
// characters and was announced in the header X-ClickHouse-Exception-Tag.
func frame(e *chdb.Error, tag string) []byte {
	text := e.Message + "\n"
	return fmt.Appendf(nil, "\r\n__exception__\r\n%s\r\n%s%d %s\r\n__exception__\r\n", tag, text, len(text), tag)
}
