package engine

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
)

func TestPath(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", dir)
	t.Setenv(Env, "")
	_, err := Path()
	if !errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), `run "make engine"`) || !strings.Contains(err.Error(), dir) {
		t.Errorf("absent library: %v, want the path and the command that installs it", err)
	}

	cached := filepath.Join(dir, "bellwether", "chdb", Version, "libchdb.so")
	write(t, cached, "x")
	if got, err := Path(); err != nil || got != cached {
		t.Errorf("Path() = %q, %v; want %q", got, err, cached)
	}

	other := filepath.Join(dir, "other.so")
	t.Setenv(Env, other)
	if _, err := Path(); !errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), other) {
		t.Errorf("absent %s: %v, want ErrAbsent that names it", Env, err)
	}
	write(t, other, "y")
	if got, err := Path(); err != nil || got != other {
		t.Errorf("Path() = %q, %v; want %q", got, err, other)
	}
	t.Setenv(Env, dir)
	if _, err := Path(); !errors.Is(err, ErrAbsent) {
		t.Errorf("%s names a directory: %v, want ErrAbsent", Env, err)
	}
}

func TestInstallIsIdempotent(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	path, err := cachePath()
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, "library")
	got, fetched, err := Install(t.Context(), &bytes.Buffer{})
	if err != nil || fetched || got != path {
		t.Errorf("Install() = %q, %v, %v; want %q, not fetched", got, fetched, err, path)
	}
}

func TestInstallWithoutNPM(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("PATH", t.TempDir())
	if _, _, err := Install(t.Context(), &bytes.Buffer{}); !errors.Is(err, ErrNPM) {
		t.Errorf("error %v, want ErrNPM", err)
	}
}

func TestCheckPlatform(t *testing.T) {
	here := t.TempDir()
	for name, tc := range map[string]struct {
		goos, goarch, loader string
		want                 error
	}{
		"supported":     {goos: "linux", goarch: "amd64", loader: here},
		"other system":  {goos: "darwin", goarch: "amd64", loader: here, want: ErrPlatform},
		"other machine": {goos: "linux", goarch: "arm64", loader: here, want: ErrPlatform},
		"no glibc":      {goos: "linux", goarch: "amd64", loader: filepath.Join(here, "no"), want: ErrPlatform},
	} {
		t.Run(name, func(t *testing.T) {
			if err := checkPlatform(tc.goos, tc.goarch, tc.loader); !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
		})
	}
}

func TestVerify(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.tgz")
	write(t, file, "package")
	sum := sha512.Sum512([]byte("package"))
	if err := verify(file, base64.StdEncoding.EncodeToString(sum[:])); err != nil {
		t.Errorf("right digest: %v", err)
	}
	if err := verify(file, integrity); !errors.Is(err, ErrIntegrity) {
		t.Errorf("wrong digest: %v, want ErrIntegrity", err)
	}
}

func TestUnpack(t *testing.T) {
	dir := t.TempDir()
	tarball := filepath.Join(dir, "x.tgz")
	content := strings.Repeat("library", 100_000)
	write(t, tarball, archive(t, map[string]string{"package/README": "no", member: content}))
	path := filepath.Join(dir, "cache", "libchdb.so")

	g := errgroup.Group{}
	for range 4 { // several installers at once
		g.Go(func() error { return unpack(tarball, path) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != content {
		t.Errorf("unpacked %d bytes, error %v; want %d bytes", len(got), err, len(content))
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("cache directory holds %v, error %v; want the library alone", left, err)
	}
}

func TestUnpackDamaged(t *testing.T) {
	dir := t.TempDir()
	whole := archive(t, map[string]string{member: strings.Repeat("library", 1000)})
	for name, data := range map[string]string{
		"no library": archive(t, map[string]string{"package/README": "no"}),
		"no archive": "x",
		"cut off":    whole[:len(whole)/2],
	} {
		t.Run(name, func(t *testing.T) {
			tarball := filepath.Join(dir, "x.tgz")
			write(t, tarball, data)
			path := filepath.Join(dir, "cache", "libchdb.so")
			if err := unpack(tarball, path); err == nil {
				t.Error("no error")
			}
			if left, err := filepath.Glob(filepath.Join(dir, "cache", "*")); err != nil || len(left) != 0 {
				t.Errorf("left %v behind, error %v", left, err)
			}
		})
	}
}

func archive(t *testing.T, files map[string]string) string {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	w := tar.NewWriter(z)
	for name, content := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
