// Command go is the shortest application that signs somebody in with Gatehouse.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

func main() {
	redirect, _ := url.Parse(os.Getenv("REDIRECT_URI")) // http://localhost:3000/callback
	provider, err := oidc.NewProvider(context.Background(), os.Getenv("ISSUER"))
	if err != nil {
		log.Fatal(err)
	}
	client := oauth2.Config{ClientID: os.Getenv("CLIENT_ID"), ClientSecret: os.Getenv("CLIENT_SECRET"), Endpoint: provider.Endpoint(), RedirectURL: redirect.String(), Scopes: []string{"openid", "profile"}}
	state, verifier := oauth2.GenerateVerifier(), oauth2.GenerateVerifier() // one person's; keep them in a session
	http.Handle("/", http.RedirectHandler(client.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier)), http.StatusFound))
	http.HandleFunc(redirect.Path, func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("state") != state {
			http.Error(w, "this is not the answer to our question", http.StatusBadRequest)
			return
		}
		token, err := client.Exchange(r.Context(), r.FormValue("code"), oauth2.VerifierOption(verifier))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		person, err := provider.UserInfo(r.Context(), oauth2.StaticTokenSource(token))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		fmt.Fprintf(w, "Hello %s\n", person.Subject)
	})
	log.Fatal(http.ListenAndServe(redirect.Host, nil))
}
