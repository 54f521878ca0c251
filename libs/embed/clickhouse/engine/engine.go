// Package engine locates and installs libchdb, the ClickHouse engine as one
// shared library, of the version this repository is tested with.
//
// The library is 566 MB and therefore no part of the repository: it is fetched
// once per machine, with the npm client and the registry that client is
// configured for, verified against a pinned digest and kept in the user's
// cache directory.
package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Version is the pinned version of libchdb.
const Version = "26.7.3-stable.1"

const (
	npmPackage = "@chdb/lib-linux-x64-gnu"
	// integrity is the SHA-512 of the package's tarball, in base64.
	integrity = "XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw=="
	member    = "package/libchdb.so"
	fileName  = "libchdb.so"
	// Env overrides the path of the library.
	Env = "BELLWETHER_LIBCHDB"
)

// ErrAbsent says that the library is not installed.
var ErrAbsent = errors.New(`ClickHouse engine is not installed: run "make engine"`)

// Path returns the library's path: the environment variable
// BELLWETHER_LIBCHDB, or else the file Install writes. The error wraps
// ErrAbsent when there is no such file.
func Path() (string, error) {
	path := os.Getenv(Env)
	if path == "" {
		var err error
		if path, err = cachePath(); err != nil {
			return "", err
		}
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", fmt.Errorf("%s: %w, or set %s", path, ErrAbsent, Env)
	case err != nil:
		return "", fmt.Errorf("look for the engine: %w", err)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is no file: %w, or set %s", path, ErrAbsent, Env)
	}
	return path, nil
}

func cachePath() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache directory (set HOME, XDG_CACHE_HOME or %s): %w", Env, err)
	}
	return filepath.Join(cache, "bellwether", "chdb", Version, fileName), nil
}
