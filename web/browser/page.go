package browser

import (
	"bytes"
	"compress/gzip"
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/templates"
)

// policy is the content security policy of every page. There is nothing inline
// to allow, and nothing from elsewhere.
const policy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"

// Sending is how a page is sent, where it differs from the usual.
type Sending struct {
	// Status is 200 when it is 0.
	Status int
	// LeadsTo is where the browser ends up after the page's form is answered: the
	// redirect URI of the client that waits.
	LeadsTo *url.URL
	// Frames are the pages of clients that the page loads in frames.
	Frames []*url.URL
	// Script allows the page the scripts of this house.
	Script bool
	// Packed sends the page under gzip to whoever takes it: a long one, which says the
	// same to everybody. Beside a secret, what a request can add to a page would tell it
	// by the length (BREACH).
	Packed bool
}

// Show sends a page.
func Show(w http.ResponseWriter, r *http.Request, page templates.Page, how Sending) {
	var body bytes.Buffer
	if err := templates.Render(&body, page); err != nil {
		slog.ErrorContext(r.Context(), "render page", "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy+formAction(how.LeadsTo)+scriptSource(how.Script)+frameSource(how.Frames))
	if how.Packed {
		h.Set("Vary", "Accept-Encoding")
		if templates.TakesGzip(r.Header) {
			h.Set("Content-Encoding", "gzip")
			body = packed(body.Bytes())
		}
	}
	if how.Status != 0 {
		w.WriteHeader(how.Status)
	}
	_, _ = body.WriteTo(w)
}

func packed(page []byte) bytes.Buffer {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(page) // a buffer takes everything
	_ = z.Close()
	return out
}

// formAction widens the policy for a form whose answer leads out of the house:
// browsers hold every redirect behind a form to it, those of the client's own
// included, which may lead on to any of its hosts.
func formAction(u *url.URL) string {
	switch {
	case u == nil:
		return ""
	case u.Scheme == "https":
		return " https:"
	case u.Scheme == "http":
		return " https: " + u.Scheme + "://" + u.Host
	}
	return " " + u.Scheme + ":"
}

func scriptSource(allowed bool) string {
	if !allowed {
		return ""
	}
	return "; script-src 'self'"
}

// frameSource allows exactly the origins of the frames.
func frameSource(frames []*url.URL) string {
	if len(frames) == 0 {
		return ""
	}
	var origins []string
	for _, u := range frames {
		origins = append(origins, u.Scheme+"://"+u.Host)
	}
	slices.Sort(origins)
	return "; frame-src " + strings.Join(slices.Compact(origins), " ")
}

// Addresses is each URL as a page writes it.
func Addresses(all []*url.URL) []string {
	var addresses []string
	for _, u := range all {
		addresses = append(addresses, u.String())
	}
	return addresses
}

// At says which address shows this page, where it answers a form: the choice of
// another language leads there.
func (v *Visit) At(address string) { v.here = address }

// Layout is what every page of this visit has in common.
func (v *Visit) Layout(ctx context.Context) (templates.Layout, error) {
	layout := templates.Layout{Host: v.keeper.Issuer.Host, CSRF: v.CSRF()}
	if v.r.Method == http.MethodGet {
		layout.Here = v.r.URL.RequestURI()
	} else {
		layout.Here = v.here
	}
	in, err := v.SignedInFor(ctx, v.reader)
	layout.Language = v.Language()
	if err != nil || in == nil {
		return layout, err
	}
	layout.SignedInAs = in.Person.Name()
	layout.Operator = authz.AnyMatches(in.Person.Rights.RoleScopes, authz.ScopeAdmin)
	return layout, nil
}

// ScopeWords is the registry's entry as pages show it.
func ScopeWords(info storage.ScopeInfo) templates.ScopeWords {
	return templates.ScopeWords{Name: info.Name, Title: info.Title, Description: info.Description}
}

// PlainLayout is the layout where nothing can be asked of the database.
func (k *Keeper) PlainLayout(r *http.Request) templates.Layout {
	return templates.Layout{Host: k.Issuer.Host, Language: k.language(r, "", "")}
}

// SeeOther ends a step: the browser goes on with a GET, whatever it posted
// (RFC 9700 §4.12).
func SeeOther(w http.ResponseWriter, location string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusSeeOther)
}
