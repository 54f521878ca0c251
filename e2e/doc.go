// Package e2e tests Bellwether from outside: real processes, a real bus, a real store, and a server with the shape of
// the EIA API in place of the EIA.
package e2e
