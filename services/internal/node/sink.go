//go:build !chaosdefect

package node

import "github.com/bellwether-forecast/bellwether/libs/stage"

// sink returns where rows are written: s itself. With the build tag chaosdefect it is one that breaks the promise, which
// the chaos test must find out.
func sink(s stage.Sink) stage.Sink { return s }
