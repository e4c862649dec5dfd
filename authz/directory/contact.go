package directory

import (
	"errors"
	"regexp"
	"strings"

	"github.com/gatehouse/gatehouse/storage"
)

// e164 is a number as ITU-T E.164 has it, which OpenID Connect Core §5.1 recommends for the
// claim: at most fifteen digits, the country's first. None is shorter than seven.
var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// separators are what people put between the digits of a number.
var separators = strings.NewReplacer(" ", "", "\u00a0", "", "\u202f", "", "-", "", "\u2011", "", ".", "", "/", "", "(", "", ")", "")

// tidyPhone is a number without what makes it easier to read. One with the trunk prefix
// in brackets, "+49 (0)30", stays as it is: without the brackets it is another number.
func tidyPhone(number string) string {
	if strings.Contains(number, "(0)") {
		return number
	}
	return separators.Replace(number)
}

func checkPhone(number string) error {
	if number != "" && !e164.MatchString(number) {
		return invalid("phone_number", `must be "+", the country and the number, such as +49 30 123456, without the 0 that is dialled within the country`)
	}
	return nil
}

// tidyPart is a part of an address without space around it, with lines apart by "\n".
func tidyPart(text string) string {
	return strings.TrimSpace(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text))
}

func checkAddress(a storage.Address) error {
	return errors.Join(checkName("street_address", strings.ReplaceAll(a.Street, "\n", " ")), checkName("locality", a.Locality),
		checkName("region", a.Region), checkName("postal_code", a.PostalCode), checkName("country", a.Country))
}

// tidy is the change as it would be stored.
func (c UserChange) tidy() UserChange {
	c.Phone = tidied(c.Phone, tidyPhone)
	a := &c.Address
	for _, part := range []**string{&a.Street, &a.Locality, &a.Region, &a.PostalCode, &a.Country} {
		*part = tidied(*part, tidyPart)
	}
	return c
}

func tidied(text *string, tidy func(string) string) *string {
	if text == nil {
		return nil
	}
	t := tidy(*text)
	return &t
}

// numbered refuses to call a number verified where there is none.
func (c UserChange) numbered(u storage.User) error {
	if c.PhoneVerified == nil || !*c.PhoneVerified {
		return nil
	}
	number := u.Phone
	if c.Phone != nil {
		number = *c.Phone
	}
	return checkVerified(number, true)
}

func checkVerified(number string, verified bool) error {
	if verified && number == "" {
		return invalid("phone_number_verified", "is for who has a phone_number")
	}
	return nil
}
