package e2e
import (
 _ "github.com/bellwether-forecast/bellwether/libs/wire"
 _ "github.com/bellwether-forecast/bellwether/services"
 _ "github.com/bellwether-forecast/bellwether/proto/gen/bellwether/v1"
 _ "github.com/alecthomas/kong"
 _ "github.com/google/go-cmp/cmp"
 _ "github.com/nats-io/nats.go/jetstream"
 _ "golang.org/x/sync/errgroup"
 _ "go.uber.org/goleak"
)
