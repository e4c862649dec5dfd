package main

import (
	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/web/api"
)

// contact is the flags that say how a user is reached.
type contact struct {
	phone    string
	verified bool
	address  api.Address
}

func (c *contact) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&c.phone, "phone-number", "", "The telephone number with its country, such as +49 30 123456")
	flags.BoolVar(&c.verified, "phone-number-verified", false, "Whether you have made sure that the number is the user's")
	flags.StringVar(&c.address.Street, "street-address", "", "Street and house number, or a post-office box")
	flags.StringVar(&c.address.Locality, "locality", "", "The city or town")
	flags.StringVar(&c.address.Region, "region", "", "The state, province or prefecture")
	flags.StringVar(&c.address.PostalCode, "postal-code", "", "The postal code")
	flags.StringVar(&c.address.Country, "country", "", "The country")
}

// change is what the flags that were given say.
func (c *contact) change(cmd *cobra.Command, in *api.UserChange) {
	b, a := &in.Body, &c.address
	b.PhoneNumber, b.PhoneVerified = changed(cmd, "phone-number", &c.phone), changed(cmd, "phone-number-verified", &c.verified)
	b.Address = api.AddressChange{
		Street: changed(cmd, "street-address", &a.Street), Locality: changed(cmd, "locality", &a.Locality), Region: changed(cmd, "region", &a.Region),
		PostalCode: changed(cmd, "postal-code", &a.PostalCode), Country: changed(cmd, "country", &a.Country),
	}
}
