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
// It takes two seconds at most.
func (s *Server) Ready(ctx context.Context) error {
	if s.draining.Load() {
		return errors.New("this server is about to end")
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if s.Store.Ping(ctx) != nil {
		return errors.New("the database is unavailable")
	}
	return nil
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
