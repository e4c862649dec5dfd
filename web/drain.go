package web

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Drain lets balancers turn elsewhere before the process ends. For so long everything is
// served on, while [Server.Ready] says no and every answer asks to close its connection;
// then answers that are held back are given. It is called once, and ends early with ctx.
func (s *Server) Drain(ctx context.Context, d time.Duration) {
	s.draining.Store(true)
	// Real time, whatever clock tokens are judged by: others wait for it.
	over := time.NewTimer(d)
	defer over.Stop()
	select {
	case <-over.C:
	case <-ctx.Done():
	}
	s.provider.Release()
}

// Ready is nil where requests can be answered, and else says why they should go elsewhere.
// It takes two seconds at most, and the database is asked twice a second at most, however
// many ask here.
func (s *Server) Ready(ctx context.Context) error {
	if s.draining.Load() {
		return errors.New("this server is about to end")
	}
	s.reached.Lock()
	defer s.reached.Unlock()
	if time.Since(s.reached.at) < 500*time.Millisecond {
		return s.reached.err
	}
	// The answer is for others too, whoever asked first and has gone by now.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	s.reached.err = nil
	if s.Store.Ping(ctx) != nil {
		s.reached.err = errors.New("the database is unavailable")
	}
	s.reached.at = time.Now()
	return s.reached.err
}

func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if err := s.Ready(r.Context()); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ok\n"))
}

// closing asks callers to make their next connection elsewhere while the server drains.
// Idle connections stay open: a request may be on its way in one.
func (s *Server) closing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
