package web

import (
	"encoding/json"
	"net/http"

	"github.com/gatehouse/gatehouse/web/browser"
)

// relatedOrigins lists who may use the passkeys of this house beside itself
// (WebAuthn L3 §5.11.1).
func (s *Server) relatedOrigins(w http.ResponseWriter, r *http.Request) {
	origin := s.Issuer.Scheme + "://" + s.Issuer.Host
	s.document(w, r, map[string][]string{"origins": append([]string{origin}, s.RelatedOrigins...)})
}

// passkeyEndpoints tells password managers where passkeys are made and looked
// after (W3C, A Well-Known URL for Relying Party Passkey Endpoints).
func (s *Server) passkeyEndpoints(w http.ResponseWriter, r *http.Request) {
	page := s.Issuer.String() + "/account/passkeys"
	s.document(w, r, map[string]string{"enroll": page, "manage": page})
}

func (s *Server) document(w http.ResponseWriter, r *http.Request, content any) {
	body, err := json.Marshal(content)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	_, _ = w.Write(body)
}

// changePassword is where a password manager sends people (W3C, A Well-Known URL
// for Changing Passwords).
func changePassword(w http.ResponseWriter, _ *http.Request) { browser.SeeOther(w, "/account") }
