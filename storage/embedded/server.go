package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Server is a running PostgreSQL that ends with this process.
type Server struct {
	cluster   string
	socketDir string
	ownDir    bool // the socket has a directory of its own, outside the cluster
	lock      *os.File
	cmd       *exec.Cmd
	log       *serverLog
	// ended is closed when the process is gone; exit may be read after that.
	ended chan struct{}
	exit  error
}

// Start runs the server of a data directory, and makes both when they are
// missing. ctx bounds the start, not the life of the server. It returns when
// the server takes connections; after a crash that includes the recovery.
//
// Errors: [ErrLocked], [ErrNoBinaries], [ErrVersionMismatch], and whatever the
// machine refuses, in words that say what to do.
func Start(ctx context.Context, opts Options) (*Server, error) {
	h, err := homeAt(opts.DataDir)
	if err != nil {
		return nil, err
	}
	if err := h.make(); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	lock, err := h.lock(ctx)
	if err != nil {
		return nil, err
	}
	s, err := start(ctx, h, lock, opts)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return s, nil
}

// start does the work of Start, in the order in which it may be refused: the
// cluster is touched only when its version and its account are right.
func start(ctx context.Context, h home, lock *os.File, opts Options) (*Server, error) {
	major, err := h.major()
	if err != nil {
		return nil, err
	}
	b, err := FindBinaries(ctx, major)
	if err != nil {
		return nil, fmt.Errorf("choose PostgreSQL for %s: %w", h.cluster(), err)
	}
	a, err := accountFor(h)
	if err != nil {
		return nil, err
	}
	if err := a.reach(ctx, b, string(h)); err != nil {
		return nil, err
	}
	if major == 0 {
		if err := createCluster(ctx, h, b, a, opts.Throwaway); err != nil {
			return nil, err
		}
	}
	socketDir, err := socketDirFor(h, a)
	if err != nil {
		return nil, err
	}
	if err := settle(ctx, h.cluster(), socketDir, a); err != nil {
		return nil, err
	}
	server, err := b.Path("postgres")
	if err != nil {
		return nil, err
	}
	args := settings(h.cluster(), socketDir, hasStatistics(ctx, b, a, string(h)), opts.Throwaway)
	// SIGINT is a fast shutdown: the data is left clean, and with few buffers
	// that takes less time than the recovery which a harder end would cost.
	// The context is not that of the start, which the server outlives.
	cmd := a.command(context.Background(), syscall.SIGINT, h.cluster(), server, args...)
	s := &Server{
		cluster: h.cluster(), socketDir: socketDir, ownDir: socketDir != h.cluster(),
		lock: lock, cmd: cmd, log: newServerLog(opts.Log), ended: make(chan struct{}),
	}
	return s, s.launch(ctx)
}

func newServerLog(log *slog.Logger) *serverLog {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &serverLog{log: log}
}

// launch forks the server and waits until it takes connections. After an error
// no process is left.
func (s *Server) launch(ctx context.Context) error {
	s.cmd.Stderr = s.log
	forked := make(chan error)
	go s.parent(forked)
	if err := <-forked; err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	err := until(ctx, s.isReady)
	if err == nil {
		return nil
	}
	_ = s.cmd.Process.Signal(syscall.SIGQUIT) // it may have ended: that is what we wait for
	<-s.ended
	return fmt.Errorf("start PostgreSQL: %w", errors.Join(err, s.log.last()))
}

// parent forks the server and stays until it has ended. It keeps its thread for
// that long: the kernel takes the end of the forking thread for our end.
func (s *Server) parent(forked chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := s.cmd.Start()
	forked <- err
	if err != nil {
		return
	}
	s.exit = s.cmd.Wait()
	close(s.ended)
}

// isReady reads what the server itself says of its state.
func (s *Server) isReady() (bool, error) {
	select {
	case <-s.ended:
		return false, errors.New("the server ended before it was ready")
	default:
	}
	p, err := readPIDFile(pidFilePath(s.cluster))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && p.PID == s.PID() && p.Status == ready, err
}

// DSN is the connection string of one database, as an URL over the socket. It
// holds no secret.
func (s *Server) DSN(database string) string { return dsn(s.socketDir, database) }

// PID is the process number of the server.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Done is closed when the server has ended, for whatever reason.
func (s *Server) Done() <-chan struct{} { return s.ended }

// abortLimit is how long an immediate shutdown takes at most: PostgreSQL gives
// its processes five seconds, then kills them.
const abortLimit = 10 * time.Second

// Stop ends the server and gives the data directory free. Connections are cut
// off, the data is left clean. When ctx ends first, the server drops everything
// at once, and recovers at its next start. The error says how it ended when it
// did not end well; the server is gone in any case. A second Stop does nothing.
func (s *Server) Stop(ctx context.Context) error {
	err := s.shutDown(ctx)
	if s.ownDir {
		_ = os.Remove(s.socketDir) // only litter: the next start takes it as it is
	}
	if closeErr := s.lock.Close(); errors.Is(closeErr, os.ErrClosed) {
		return nil
	}
	return err
}

func (s *Server) shutDown(ctx context.Context) error {
	_ = s.cmd.Process.Signal(syscall.SIGINT) // it may have ended already
	select {
	case <-s.ended:
		return s.verdict()
	case <-ctx.Done():
	}
	_ = s.cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case <-s.ended:
	case <-time.After(abortLimit):
		_ = s.cmd.Process.Kill()
		<-s.ended
	}
	return fmt.Errorf("stop PostgreSQL in time: %w", ctx.Err())
}

// verdict tells a clean end: it leaves no pid file behind.
func (s *Server) verdict() error {
	if s.exit != nil {
		return fmt.Errorf("PostgreSQL ended badly: %w", errors.Join(s.exit, s.log.last()))
	}
	if _, err := os.Stat(pidFilePath(s.cluster)); !errors.Is(err, fs.ErrNotExist) {
		return errors.New("PostgreSQL ended without clearing up its pid file")
	}
	return nil
}
