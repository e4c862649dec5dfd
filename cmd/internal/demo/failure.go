package demo

import (
	"errors"
	"net/http"
	"net/url"

	"golang.org/x/oauth2"

	"github.com/gatehouse/gatehouse/templates"
)

// failure is an error with the words for a person. What it wraps is for the log.
type failure struct {
	templates.DemoFailure
	cause error
}

func (f *failure) Error() string {
	switch {
	case f.cause != nil:
		return f.cause.Error()
	case f.Code != "":
		return f.Code
	}
	return string(f.Problem)
}

func (f *failure) Unwrap() error { return f.cause }

func failed(problem templates.DemoProblem, cause error) error {
	return &failure{templates.DemoFailure{Problem: problem}, cause}
}

// failedAtIssuer tells a server that is away, one that says no, and one that says
// what cannot be believed from each other.
func failedAtIssuer(cause error) error {
	if no, said := errors.AsType[*oauth2.RetrieveError](cause); said && no.ErrorCode != "" {
		return &failure{templates.DemoFailure{
			Problem: templates.DemoRefused, Code: no.ErrorCode, Description: no.ErrorDescription,
		}, cause}
	}
	if _, away := errors.AsType[*url.Error](cause); away {
		return failed(templates.DemoUnreachable, cause)
	}
	return failed(templates.DemoUntrusted, cause)
}

// fail shows the page as this browser has it, with what went wrong.
func (a *App) fail(w http.ResponseWriter, r *http.Request, err error) {
	f, known := errors.AsType[*failure](err)
	if !known {
		a.Log.ErrorContext(r.Context(), "demo", "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	a.Log.InfoContext(r.Context(), "demo: not done", "problem", string(f.Problem), "error", f)
	page := a.pageOf(r)
	page.Failure = &f.DemoFailure
	a.show(w, r, statusOf(f.Problem), page)
}

func statusOf(p templates.DemoProblem) int {
	switch p {
	case templates.DemoUnreachable:
		return http.StatusServiceUnavailable
	case templates.DemoUntrusted, templates.DemoSilent:
		return http.StatusBadGateway
	}
	return http.StatusForbidden
}
