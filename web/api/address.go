package api

import (
	"strings"

	"github.com/gatehouse/gatehouse/storage"
)

// Address is where letters reach a user, in the parts of OpenID Connect Core §5.1.1; one
// that is empty is not known.
type Address struct {
	Street     string `json:"street_address,omitempty" maxLength:"200" doc:"One line or several"`
	Locality   string `json:"locality,omitempty" maxLength:"200" doc:"City or town"`
	Region     string `json:"region,omitempty" maxLength:"200" doc:"State, province or prefecture"`
	PostalCode string `json:"postal_code,omitempty" maxLength:"200"`
	Country    string `json:"country,omitempty" maxLength:"200"`
}

// String is the address on one line, as a table shows it.
func (a Address) String() string {
	return strings.ReplaceAll(storage.Address(a).Formatted(), "\n", ", ")
}

// AddressChange is what to change of an address: a part that is left out stays, an empty
// one is taken away.
type AddressChange struct {
	Street     *string `json:"street_address,omitempty" maxLength:"200"`
	Locality   *string `json:"locality,omitempty" maxLength:"200"`
	Region     *string `json:"region,omitempty" maxLength:"200"`
	PostalCode *string `json:"postal_code,omitempty" maxLength:"200"`
	Country    *string `json:"country,omitempty" maxLength:"200"`
}
