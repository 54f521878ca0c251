package engine

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

var (
	// ErrPlatform says that the engine is not built for this machine.
	ErrPlatform = errors.New("the embedded ClickHouse engine needs linux/amd64 with glibc")
	// ErrIntegrity says that what was downloaded is not what was pinned.
	ErrIntegrity = errors.New("the engine's package does not have the pinned SHA-512")
	// ErrNPM says that the npm client is missing.
	ErrNPM = fmt.Errorf("the npm client is missing: install Node.js with npm, or copy libchdb.so %s here and set %s", Version, Env)
)

// Install makes sure that the library is in the user's cache directory and
// returns its path and whether it had to be fetched. Messages on a long
// download go to progress, one line each.
//
// Installers may run at the same time: each unpacks into a file of its own and
// the last rename wins, with the same content.
func Install(ctx context.Context, progress io.Writer) (path string, fetched bool, err error) {
	if path, err = cachePath(); err != nil {
		return "", false, err
	}
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
		return path, false, nil
	}
	if err := checkPlatform(runtime.GOOS, runtime.GOARCH, "/lib64/ld-linux-x86-64.so.2"); err != nil {
		return "", false, err
	}
	if err := fetch(ctx, progress, path); err != nil {
		return "", false, fmt.Errorf("install engine %s: %w", Version, err)
	}
	return path, true, nil
}

// checkPlatform takes glibc's loader as the sign of glibc: the library is
// linked against it by this path.
func checkPlatform(goos, goarch, loader string) error {
	if goos != "linux" || goarch != "amd64" {
		return fmt.Errorf("%w: this is %s/%s", ErrPlatform, goos, goarch)
	}
	if _, err := os.Stat(loader); err != nil {
		return fmt.Errorf("%w: %w", ErrPlatform, err)
	}
	return nil
}

func fetch(ctx context.Context, progress io.Writer, path string) error {
	dir, err := os.MkdirTemp("", "bellwether-engine-")
	if err != nil {
		return fmt.Errorf("make a download directory: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // only a leftover in the temporary directory
	_, _ = fmt.Fprintf(progress, "fetching ClickHouse engine %s (178 MB) with npm\n", Version)
	tarball, err := pack(ctx, dir)
	if err != nil {
		return err
	}
	if err := verify(tarball, integrity); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(progress, "unpacking to %s (566 MB)\n", path)
	return unpack(tarball, path)
}

// pack lets npm download the package into dir. Registry, proxy and credentials
// are npm's configuration.
func pack(ctx context.Context, dir string) (tarball string, err error) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", ErrNPM
	}
	cmd := exec.CommandContext(ctx, npm, "pack", "--silent", "--ignore-scripts", npmPackage+"@"+Version)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("npm pack %s@%s: %w: %s", npmPackage, Version, err, strings.TrimSpace(stderr.String()))
	}
	// npm prints the file name in its last line.
	lines := strings.Fields(string(out))
	if len(lines) == 0 {
		return "", fmt.Errorf("npm pack %s@%s printed no file name", npmPackage, Version)
	}
	return filepath.Join(dir, filepath.Base(lines[len(lines)-1])), nil
}

func verify(tarball, want string) error {
	f, err := os.Open(tarball)
	if err != nil {
		return fmt.Errorf("read the engine's package: %w", err)
	}
	defer f.Close() //nolint:errcheck // read only
	sum := sha512.New()
	if _, err := io.Copy(sum, f); err != nil {
		return fmt.Errorf("read the engine's package: %w", err)
	}
	if got := base64.StdEncoding.EncodeToString(sum.Sum(nil)); got != want {
		return fmt.Errorf("sha512-%s, want sha512-%s: %w", got, want, ErrIntegrity)
	}
	return nil
}

// unpack writes the library next to its final place and renames it, so that
// path is either absent or complete.
func unpack(tarball, path string) (err error) {
	f, err := os.Open(tarball)
	if err != nil {
		return fmt.Errorf("read the engine's package: %w", err)
	}
	defer f.Close() //nolint:errcheck // read only
	library, err := find(f)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make the cache directory: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), fileName+".*.tmp")
	if err != nil {
		return fmt.Errorf("write the engine: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp.Name())
		}
	}()
	_, err = io.Copy(tmp, library)
	if err = errors.Join(err, tmp.Chmod(0o755), tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("write the engine: %w", err)
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return fmt.Errorf("write the engine: %w", err)
	}
	return nil
}

// find moves to the library inside of the package.
func find(tarball io.Reader) (io.Reader, error) {
	z, err := gzip.NewReader(tarball)
	if err != nil {
		return nil, fmt.Errorf("read the engine's package: %w", err)
	}
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if err != nil {
			return nil, fmt.Errorf("find %s in the engine's package: %w", member, err)
		}
		if h.Name == member {
			return t, nil
		}
	}
}
