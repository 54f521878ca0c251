package chaos

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Proc is one process of the pipeline, which may be killed and started again. It is safe for concurrent use.
type Proc struct {
	name string
	path string
	args []string
	log  string // file of its output
	gone func(name, last string)

	mu     sync.Mutex
	cmd    *exec.Cmd
	ended  chan struct{} // closed when the running process has ended
	wanted bool          // it should be running
}

// NewProc describes a process whose output goes to <dir>/<name>.log. gone is told when it ends by itself, with the last
// line it wrote; it is then started again.
func NewProc(dir, name string, command []string, gone func(name, last string)) *Proc {
	return &Proc{name: name, path: command[0], args: command[1:], log: filepath.Join(dir, name+".log"), gone: gone}
}

// Start starts the process, which must not be running.
func (p *Proc) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	cmd := exec.Command(p.path, p.args...) //nolint:noctx // it is ended by Kill or Stop
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = dieWithParent()
	if err := cmd.Start(); err != nil {
		return errors.Join(fmt.Errorf("start %s: %w", p.name, err), out.Close())
	}
	ended := make(chan struct{})
	p.cmd, p.ended, p.wanted = cmd, ended, true
	go p.wait(cmd, out, ended)
	return nil
}

func (p *Proc) wait(cmd *exec.Cmd, out *os.File, ended chan struct{}) {
	_ = cmd.Wait()
	_ = out.Close()
	close(ended)
	p.mu.Lock()
	fell := p.wanted && p.cmd == cmd
	p.mu.Unlock()
	if fell {
		p.gone(p.name, lastLine(p.log))
		p.restart(cmd)
	}
}

// restart does what a supervisor does.
func (p *Proc) restart(fallen *exec.Cmd) {
	<-time.After(restartWait)
	p.mu.Lock()
	again := p.wanted && p.cmd == fallen
	p.mu.Unlock()
	if !again {
		return
	}
	if err := p.Start(); err != nil {
		p.gone(p.name, err.Error())
	}
}

// Kill ends the process as a crash would, and waits until it is gone.
func (p *Proc) Kill() error { return p.end(syscall.SIGKILL) }

// Stop asks the process to end, and waits until it has.
func (p *Proc) Stop() error { return p.end(syscall.SIGTERM) }

func (p *Proc) end(sig syscall.Signal) error {
	p.mu.Lock()
	p.wanted = false
	cmd, ended := p.cmd, p.ended
	p.mu.Unlock()
	if cmd == nil {
		return nil
	}
	if err := cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("end %s: %w", p.name, err)
	}
	<-ended
	return nil
}

// Pause stops the process as a long pause of the machine would.
func (p *Proc) Pause() error { return p.signal(syscall.SIGSTOP) }

// Resume ends a pause.
func (p *Proc) Resume() error { return p.signal(syscall.SIGCONT) }

func (p *Proc) signal(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %s: %w", p.name, err)
	}
	return nil
}

// lastLine returns the last line of a file that is not empty.
func lastLine(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	data = bytes.TrimSpace(data)
	return string(data[bytes.LastIndexByte(data, '\n')+1:])
}
