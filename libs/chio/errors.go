package chio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/bellwether-forecast/bellwether/libs/breaker"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// ErrUnavailable is wrapped by every error that tells the store cannot answer now: it is not reachable, it is
// overloaded or read-only, it did not answer in time, it does not have the schema or does not let us in yet, or it was
// left alone because it failed a moment ago. Trying again later may help, when somebody has mended the installation. It is a stage.ErrUnavailable.
var ErrUnavailable = fmt.Errorf("store %w", stage.ErrUnavailable)

// Codes of ClickHouse, see https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp.
//
// unavailable are those of a server that cannot do its work now, or not for us.
func unavailable(code int32) bool {
	return slices.Contains([]int32{
		3,   // UNEXPECTED_END_OF_FILE
		16,  // NO_SUCH_COLUMN_IN_TABLE
		60,  // UNKNOWN_TABLE
		81,  // UNKNOWN_DATABASE
		159, // TIMEOUT_EXCEEDED
		198, // DNS_ERROR
		202, // TOO_MANY_SIMULTANEOUS_QUERIES
		203, // NO_FREE_CONNECTION
		209, // SOCKET_TIMEOUT
		210, // NETWORK_ERROR
		225, // NO_ZOOKEEPER
		236, // ABORTED
		241, // MEMORY_LIMIT_EXCEEDED
		242, // TABLE_IS_READ_ONLY
		243, // NOT_ENOUGH_SPACE
		252, // TOO_MANY_PARTS
		279, // ALL_CONNECTION_TRIES_FAILED
		285, // TOO_FEW_LIVE_REPLICAS
		286, // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
		319, // UNKNOWN_STATUS_OF_INSERT
		394, // QUERY_WAS_CANCELLED
		497, // ACCESS_DENIED
		516, // AUTHENTICATION_FAILED
		999, // KEEPER_EXCEPTION
	}, code)
}

// rejected are codes by which the server refuses rows for what is in them.
func rejected(code int32) bool {
	return slices.Contains([]int32{
		6,   // CANNOT_PARSE_TEXT
		53,  // TYPE_MISMATCH
		69,  // ARGUMENT_OUT_OF_BOUND
		117, // INCORRECT_DATA
		190, // SIZES_OF_ARRAYS_DONT_MATCH
		321, // VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
		407, // DECIMAL_OVERFLOW
		469, // VIOLATED_CONSTRAINT
	}, code)
}

// advice says what to do about a code.
func advice(code int32) string {
	switch code {
	case 16, 60, 81:
		return "; lay out the store with: bellwether migrate"
	case 497, 516:
		return "; check user, password and grants"
	}
	return ""
}

// classify wraps err in ErrUnavailable or stage.ErrPermanent where it is known to be one of them.
func classify(err error) error {
	err = shorten(err)
	var server *clickhouse.Exception
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, ErrUnavailable), errors.Is(err, stage.ErrPermanent):
		return err
	case errors.Is(err, breaker.ErrOpen):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case errors.As(err, &server):
		switch {
		case unavailable(server.Code):
			return fmt.Errorf("%w: %w%s", ErrUnavailable, err, advice(server.Code))
		case rejected(server.Code):
			return fmt.Errorf("%w: %w", err, stage.ErrPermanent)
		}
		return err
	case errors.Is(err, clickhouse.ErrBatchInvalid):
		return fmt.Errorf("%w: %w", err, stage.ErrPermanent)
	case noAnswer(err):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

// shortened is an error with a text of its own.
type shortened struct {
	error
	text string
}

func (e shortened) Error() string { return e.text }
func (e shortened) Unwrap() error { return e.error }

// shorten takes user and statement out of the text of err: clickhouse-go sends them in the URL, and a failed request
// says its URL.
func shorten(err error) error {
	if err == nil || !strings.Contains(err.Error(), "://") {
		return err
	}
	request := regexp.MustCompile(`(https?://)(?:[^@/" ]*@)?([^?/" ]+)/?\?[^" ]*`)
	if text := request.ReplaceAllString(err.Error(), "$1$2"); text != err.Error() {
		return shortened{err, text}
	}
	return err
}

// noAnswer reports whether err is of the way to the server, or of time that ran out.
func noAnswer(err error) bool {
	var network net.Error
	var http *clickhouse.HTTPError // of something else than ClickHouse, such as a proxy
	return errors.As(err, &network) || errors.As(err, &http) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, clickhouse.ErrAcquireConnTimeout)
}
