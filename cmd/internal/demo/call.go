package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/templates"
)

// tooFew is where the client looks for something that it may not do. The last one
// nobody may, so that an owner sees a refusal too.
var tooFew = []struct {
	path string
	need authz.Scope
}{
	{"/api/admin", authz.ScopeAdmin},
	{"/api/billing", authz.ScopeBilling},
	{"/api/impossible", impossible},
}

// target is the path behind a button of the page.
func (s *session) target(call string) (path string, known bool) {
	switch call {
	case "enough":
		return "/api/agents", true
	case "alive":
		return alivePath, true
	case "too-few":
		for _, t := range tooFew {
			if !s.holds(t.need) {
				return t.path, true
			}
		}
	}
	return "", false
}

// alivePath opens to any token that lives.
const alivePath = "/api/me"

func (a *App) call(w http.ResponseWriter, r *http.Request, s *session) {
	call := r.PostFormValue("call")
	path, known := s.target(call)
	if !known {
		a.fail(w, r, failed(templates.DemoForm, errors.New("unknown call")))
		return
	}
	token, err := a.accessToken(r.Context(), s)
	if err != nil {
		if f, known := errors.AsType[*failure](err); known && f.Problem == templates.DemoEnded {
			a.sessions.take(browserID(r))
		}
		a.fail(w, r, err)
		return
	}
	answer, err := a.ask(r.Context(), call, path, token)
	if err != nil {
		a.fail(w, r, failed(templates.DemoSilent, err))
		return
	}
	s.keepAnswer(answer)
	redirect(w, "/#answer")
}

// ask presents a token to the API as any client would: by HTTP, in the header.
func (a *App) ask(ctx context.Context, call, path, token string) (*templates.DemoAnswer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.BaseURL+path, nil)
	if err != nil {
		return nil, fmt.Errorf("call API: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := a.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("call API: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read answer of API: %w", err)
	}
	return &templates.DemoAnswer{
		Call: call, Method: http.MethodGet, Path: path,
		Status: response.StatusCode, StatusText: http.StatusText(response.StatusCode),
		Challenge: response.Header.Get("WWW-Authenticate"), Body: indented(body),
	}, nil
}

// indented is JSON for the eye, and anything else as it is.
func indented(text []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, bytes.TrimSpace(text), "", "  ") != nil {
		return string(text)
	}
	return out.String()
}
