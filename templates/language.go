package templates

import (
	"slices"

	"golang.org/x/text/language"
)

// Language is one that the pages are written in.
type Language struct {
	// Tag is its BCP 47 tag, Name what its speakers call it.
	Tag, Name string
	// Direction is "ltr" or "rtl".
	Direction string
}

// languages begins with the one that stands in for every other.
var languages = []Language{
	{"en", "English", "ltr"},
	{"de", "Deutsch", "ltr"},
	{"es", "Español", "ltr"},
	{"fr", "Français", "ltr"},
	{"ja", "日本語", "ltr"},
	{"ar", "العربية", "rtl"},
}

// Languages are those that a person can choose from.
func Languages() []Language { return slices.Clone(languages) }

var languageMatcher = language.NewMatcher(func() []language.Tag {
	var tags []language.Tag
	for _, l := range languages {
		tags = append(tags, language.MustParse(l.Tag))
	}
	return tags
}())

// ChooseLanguage is the tag of the language for somebody who wishes for one of
// these, the most wanted list first. Each list is written as Accept-Language is
// (RFC 9110 §12.5.4); what cannot be read counts as no wish. Without any that we
// speak it is English.
func ChooseLanguage(wishes ...string) string {
	const longest = 500
	for _, wish := range wishes {
		if len(wish) > longest {
			continue
		}
		tags, _, err := language.ParseAcceptLanguage(wish)
		if err != nil || len(tags) == 0 {
			continue
		}
		if _, i, sure := languageMatcher.Match(tags...); sure != language.No {
			return languages[i].Tag
		}
	}
	return languages[0].Tag
}

// spoken is the language of a tag, or English.
func spoken(tag string) Language {
	for _, l := range languages {
		if l.Tag == tag {
			return l
		}
	}
	return languages[0]
}
