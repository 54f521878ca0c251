package clickhouse

import (
	"crypto/subtle"
	"net/http"
)

// user is somebody whom the gateway lets in.
type user struct {
	name, password string
	pool           *pool
	sessions       *httpSessions
	analyst        bool // may read alone
}

// authenticate takes user and password from the headers of ClickHouse, from
// basic authentication or from the URL, in this order.
func (g *gateway) authenticate(r *http.Request) (*user, error) {
	name, password := r.Header.Get("X-ClickHouse-User"), r.Header.Get("X-ClickHouse-Key")
	if name == "" && password == "" {
		name, password, _ = r.BasicAuth()
	}
	if name == "" && password == "" {
		values := r.URL.Query()
		name, password = values.Get("user"), values.Get("password")
	}
	name = first(name, defaultDatabase)
	var found *user
	for _, u := range g.users { // all of them, so that the time tells nothing
		if subtle.ConstantTimeCompare([]byte(name), []byte(u.name))&subtle.ConstantTimeCompare([]byte(password), []byte(u.password)) == 1 {
			found = u
		}
	}
	if found == nil {
		return nil, exception(codeAuthentication, "%s: Authentication failed: password is incorrect, or there is no user with such name. (AUTHENTICATION_FAILED)", name)
	}
	return found, nil
}
