package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/storage"
)

// problem is the one place where refusals become problem documents (RFC 9457).
// named says that the path names an object, which is then what was not found.
// What it does not know is a fault of ours: the log learns which, the caller that
// there was one.
func (a *API) problem(ctx context.Context, err error, named bool) error {
	var wrong *directory.InvalidError
	var weak *authn.WeakPasswordError
	var limit *storage.LimitError
	var document huma.StatusError
	switch {
	case errors.As(err, &document):
		return err
	case errors.Is(err, errChanged):
		return huma.Error412PreconditionFailed("The object has changed since you saw it: read it again.")
	case errors.Is(err, directory.ErrForbidden):
		return huma.Error403Forbidden("Your token does not reach that far: nobody gives or takes what they do not hold in the whole deployment.")
	case errors.Is(err, directory.ErrLastOwner):
		return huma.Error403Forbidden("This is the last owner: make another user an owner first.")
	case errors.As(err, &limit):
		return huma.Error409Conflict("The tenant has no more of that: it may have "+limit.Most+".", at(limit.Limit, "is reached"))
	case errors.Is(err, storage.ErrNotFound) && (named || !errors.As(err, &wrong)):
		return huma.Error404NotFound("There is no such object.")
	case errors.As(err, &wrong) && errors.Is(err, storage.ErrNotFound):
		// Not in the sender's own words: what is beyond their reach is not found either.
		return huma.Error404NotFound("The request names something that does not exist.", at(wrong.Field, "does not exist"))
	case errors.As(err, &wrong) && errors.Is(err, storage.ErrConflict):
		return huma.Error409Conflict("The request contradicts what is there.", at(wrong.Field, wrong.Problem))
	case errors.As(err, &wrong):
		return huma.Error422UnprocessableEntity("The request has a value that cannot be had.", at(wrong.Field, wrong.Problem))
	case errors.As(err, &weak):
		return huma.Error422UnprocessableEntity("The password cannot be had.", at("password", weak.Reason))
	case errors.Is(err, authz.ErrInvalidScope):
		return huma.Error422UnprocessableEntity("The request has a scope that is none.", at("scopes", "has a text that is neither a scope nor a pattern"))
	case errors.Is(err, storage.ErrConflict):
		return huma.Error409Conflict("There is one of that name already.")
	case errors.Is(err, storage.ErrReference):
		return huma.Error422UnprocessableEntity("The request names something that does not exist.")
	case errors.Is(err, storage.ErrUnavailable), errors.Is(err, authn.ErrBusy):
		return huma.ErrorWithHeaders(huma.Error503ServiceUnavailable("The server cannot answer at this moment. Try again shortly."), http.Header{"Retry-After": {"2"}})
	}
	a.Log.ErrorContext(ctx, "request failed", "error", err)
	return huma.Error500InternalServerError("Something went wrong on the server. The X-Request-Id leads the operator to it.")
}

func at(field, problem string) error {
	return &huma.ErrorDetail{Location: field, Message: problem}
}

// withoutValues takes the sender's own words out of a refusal: a password could
// be among them.
func withoutValues(_ huma.Context, _ string, answer any) (any, error) {
	if document, ok := answer.(*huma.ErrorModel); ok {
		for _, detail := range document.Errors {
			detail.Value = nil
		}
	}
	return answer, nil
}

// writeProblem answers where no operation was found.
func writeProblem(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	// The client is gone when this fails.
	_ = json.NewEncoder(w).Encode(huma.ErrorModel{Title: http.StatusText(status), Status: status})
}
