package services
import (
 _ "github.com/bellwether-forecast/bellwether/libs/wire"
 _ "github.com/bellwether-forecast/bellwether/libs/record"
 _ "github.com/alecthomas/kong"
 _ "github.com/alecthomas/kong-yaml"
 _ "github.com/cenkalti/backoff/v5"
 _ "github.com/google/go-cmp/cmp"
 _ "github.com/jedib0t/go-pretty/v6/table"
 _ "github.com/prometheus/client_golang/prometheus/promhttp"
 _ "github.com/prometheus/client_golang/prometheus/testutil"
 _ "github.com/sony/gobreaker/v2"
 _ "go.uber.org/goleak"
 _ "go.uber.org/zap"
 _ "golang.org/x/sync/errgroup"
 _ "golang.org/x/time/rate"
 _ "github.com/nats-io/nats.go"
)
