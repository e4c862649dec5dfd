package web

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/templates"
)

// file serves what a user has uploaded, below their own path. Both ids are read as
// ids, so no spelling of a path leads anywhere else, and both must fit.
func (s *Server) file(w http.ResponseWriter, r *http.Request) {
	user, errUser := authz.ParseID[authz.UserID](r.PathValue("user"))
	id, errFile := authz.ParseID[authz.FileID](r.PathValue("file"))
	if errUser != nil || errFile != nil {
		s.refuse(w, r, templates.Error{Status: http.StatusNotFound})
		return
	}
	etag := strconv.Quote(id.String())
	h := w.Header()
	// Another picture has another address, so this one never changes.
	h.Set("Cache-Control", "private, max-age=86400, immutable")
	h.Set("ETag", etag)
	f, err := s.Store.File(r.Context(), user, id)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		h.Del("ETag")
		s.refuse(w, r, templates.Error{Status: http.StatusNotFound})
		return
	case err != nil:
		h.Del("ETag")
		s.fail(w, r, err)
		return
	}
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", f.MediaType)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin") // the picture claim leads other sites here
	_, _ = w.Write(f.Content)
}

// logo serves the logo of a tenant, as [Server.file] does a user's picture.
func (s *Server) logo(w http.ResponseWriter, r *http.Request) {
	id, err := authz.ParseID[authz.FileID](r.PathValue("logo"))
	if err != nil {
		s.refuse(w, r, templates.Error{Status: http.StatusNotFound})
		return
	}
	l, err := s.Store.Logo(r.Context(), id)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		s.refuse(w, r, templates.Error{Status: http.StatusNotFound})
		return
	case err != nil:
		s.fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=86400, immutable")
	h.Set("Content-Type", l.MediaType)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	_, _ = w.Write(l.Content)
}
