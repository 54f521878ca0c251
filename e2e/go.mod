module github.com/bellwether-forecast/bellwether/e2e

go 1.26.0

require (
	github.com/alecthomas/kong v1.17.0
	github.com/bellwether-forecast/bellwether/libs v0.0.0
	github.com/bellwether-forecast/bellwether/proto v0.0.0
	github.com/bellwether-forecast/bellwether/services v0.0.0
	github.com/google/go-cmp v0.7.0
	github.com/nats-io/nats.go v1.55.0
	go.uber.org/goleak v1.3.0
	golang.org/x/sync v0.24.0
)

require (
	github.com/klauspost/compress v1.20.3 // indirect
	github.com/nats-io/nkeys v0.4.16 // indirect
	github.com/nats-io/nuid v1.0.1 // indirect
	github.com/stretchr/testify v1.12.1 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)

replace (
	github.com/bellwether-forecast/bellwether/libs => ../libs
	github.com/bellwether-forecast/bellwether/proto => ../proto
	github.com/bellwether-forecast/bellwether/services => ../services
)
