package storage

import "strings"

// Address is where letters reach somebody, in the parts of OpenID Connect Core §5.1.1; ""
// stands for a part that is not known. Its members in JSON are those of the claim.
type Address struct {
	// Street may have several lines.
	Street     string `json:"street_address,omitempty"`
	Locality   string `json:"locality,omitempty"`
	Region     string `json:"region,omitempty"`
	PostalCode string `json:"postal_code,omitempty"`
	Country    string `json:"country,omitempty"`
}

// Formatted is the address as it stands on an envelope, lines apart by "\n"; "" for none.
func (a Address) Formatted() string {
	var lines []string
	for _, line := range []string{a.Street, strings.TrimSpace(a.PostalCode + " " + a.Locality), a.Region, a.Country} {
		if line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// AddressChange is what to change of an address: nil leaves a part, "" takes it away.
type AddressChange struct {
	Street     *string `json:"street_address,omitempty"`
	Locality   *string `json:"locality,omitempty"`
	Region     *string `json:"region,omitempty"`
	PostalCode *string `json:"postal_code,omitempty"`
	Country    *string `json:"country,omitempty"`
}

// Applied is the address as the change makes it.
func (c AddressChange) Applied(a Address) Address {
	for part, value := range map[*string]*string{
		&a.Street: c.Street, &a.Locality: c.Locality, &a.Region: c.Region, &a.PostalCode: c.PostalCode, &a.Country: c.Country,
	} {
		if value != nil {
			*part = *value
		}
	}
	return a
}
