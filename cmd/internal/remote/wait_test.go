package remote

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// script answers one poll after the other, and notes when each came.
type script struct {
	begun   time.Time
	answers []string
	polls   []time.Duration
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.polls = append(s.polls, time.Since(s.begun))
	answer := s.answers[0]
	s.answers = s.answers[1:]
	if answer == "" {
		return nil, errors.New("the network is gone")
	}
	response := &http.Response{StatusCode: http.StatusBadRequest, Body: io.NopCloser(bytes.NewBufferString(`{"error":"` + answer + `"}`)), Request: r}
	if answer == "tokens" {
		response.StatusCode, response.Body = http.StatusOK, io.NopCloser(bytes.NewBufferString(`{"access_token":"a","expires_in":600,"scope":"openid"}`))
	}
	return response, nil
}

// TestWait holds the polling to RFC 8628 §3.5: as often as asked, slower when told
// so, and slower after a fault of the network.
func TestWait(t *testing.T) {
	for name, c := range map[string]struct {
		interval int
		answers  []string
		polls    []time.Duration // in seconds
		refused  string
	}{
		"pending":     {2, []string{"authorization_pending", "authorization_pending", "tokens"}, []time.Duration{2, 4, 6}, ""},
		"by default":  {0, []string{"authorization_pending", "tokens"}, []time.Duration{5, 10}, ""},
		"slow down":   {5, []string{"slow_down", "authorization_pending", "slow_down", "tokens"}, []time.Duration{5, 15, 25, 40}, ""},
		"no network":  {5, []string{"", "", "tokens"}, []time.Duration{5, 15, 35}, ""},
		"a fault":     {5, []string{"server_error", "tokens"}, []time.Duration{5, 15}, ""},
		"denied":      {5, []string{"access_denied"}, []time.Duration{5}, "access_denied"},
		"out of time": {40, []string{"authorization_pending", "authorization_pending", "authorization_pending"}, []time.Duration{40, 80, 120}, "expired_token"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				answers := &script{begun: time.Now(), answers: c.answers}
				s := &Server{Issuer: "https://id.example", Token: "https://id.example/token", now: time.Now, http: &http.Client{Transport: answers}}
				given, err := s.Wait(t.Context(), Pending{DeviceCode: NewToken("d"), ExpiresIn: 100, Interval: c.interval})
				var refused *Error
				switch {
				case c.refused == "" && (err != nil || given.AccessToken.Reveal() != "a"):
					t.Errorf("%v, %v", given, err)
				case c.refused != "" && (!errors.As(err, &refused) || refused.Code != c.refused):
					t.Errorf("%v, want %s", err, c.refused)
				}
				for i := range answers.polls {
					answers.polls[i] /= time.Second
				}
				if !slices.Equal(answers.polls, c.polls) {
					t.Errorf("polled after %d, want %d seconds", answers.polls, c.polls)
				}
			})
		})
	}
}
