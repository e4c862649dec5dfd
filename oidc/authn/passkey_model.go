package authn

import (
	_ "embed"
	"encoding/hex"
	"strings"
	"sync"
)

// Model is a kind of authenticator, as far as its AAGUID tells.
type Model struct {
	// Name is what its maker calls it.
	Name string
	// Icon is "computer", "vault" (a password manager), "key" (a thing to carry), or
	// "passkey" where it is not known.
	Icon string
}

// The makers' own AAGUIDs, as they publish them.
//
//go:embed passkey_models.txt
var modelsFile string

var models = sync.OnceValue(func() map[[16]byte]Model {
	all := map[[16]byte]Model{}
	for line := range strings.Lines(modelsFile) {
		id, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		icon, name, _ := strings.Cut(rest, " ")
		raw, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
		if err != nil || len(raw) != 16 {
			panic("passkey_models.txt: " + line) // cannot happen: it is compiled in
		}
		all[[16]byte(raw)] = Model{Name: name, Icon: icon}
	}
	return all
})

// PasskeyModel is the kind of authenticator with an AAGUID. Nothing attests it
// unless the tenant asks for that: it is for the user to recognise.
func PasskeyModel(aaguid [16]byte) Model {
	if m, known := models()[aaguid]; known {
		return m
	}
	return Model{Name: "Passkey", Icon: "passkey"}
}
