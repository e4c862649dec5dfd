package templates

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"

	"github.com/gatehouse/gatehouse/authz"
)

//go:embed message/*.json
var catalogues embed.FS

// message is one text of a catalogue in each of its plural forms, by the names of
// Unicode CLDR. A text without a number has "other" alone.
type message map[string]string

// UnmarshalJSON takes a string, or an object of plural forms.
func (m *message) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		*m = message{"other": text}
		return nil
	}
	return json.Unmarshal(data, (*map[string]string)(m))
}

var pluralForms = map[plural.Form]string{
	plural.Zero: "zero", plural.One: "one", plural.Two: "two", plural.Few: "few", plural.Many: "many", plural.Other: "other",
}

// catalogue is the texts of one language.
type catalogue struct {
	tag      language.Tag
	messages map[string]message
}

func readCatalogue(tag string) (*catalogue, error) {
	source, err := catalogues.ReadFile("message/" + tag + ".json")
	if err != nil {
		return nil, fmt.Errorf("read messages: %w", err)
	}
	c := &catalogue{tag: language.MustParse(tag)}
	if err := json.Unmarshal(source, &c.messages); err != nil {
		return nil, fmt.Errorf("read messages of %s: %w", tag, err)
	}
	return c, nil
}

// text is a message with its placeholders filled in: pairs of a name and a value.
// Values are foreign and are escaped, each apart from the direction of the text
// around it (<bdi>); an integer named "count" chooses the plural form. The messages
// themselves are ours and may carry markup.
func (c *catalogue) text(key string, pairs ...any) (template.HTML, error) {
	text, err := c.filled(key, func(value any) string { return string(placed(value)) }, pairs)
	return template.HTML(text), err
}

// plain is text for where there is no markup: the values stand as they are.
func (c *catalogue) plain(key string, pairs ...any) (string, error) {
	return c.filled(key, func(value any) string { return fmt.Sprint(value) }, pairs)
}

func (c *catalogue) filled(key string, place func(any) string, pairs []any) (string, error) {
	m, known := c.messages[key]
	if !known {
		return "", fmt.Errorf("no message %q in %v", key, c.tag)
	}
	form := "other"
	var filled []string
	for i := 0; i+1 < len(pairs); i += 2 {
		name := fmt.Sprint(pairs[i])
		n, isNumber := pairs[i+1].(int)
		if isNumber && name == "count" {
			form = pluralForms[plural.Cardinal.MatchPlural(c.tag, n, 0, 0, 0, 0)]
		}
		filled = append(filled, "{"+name+"}", place(pairs[i+1]))
	}
	text, known := m[form]
	if !known {
		text = m["other"]
	}
	return strings.NewReplacer(filled...).Replace(text), nil
}

func placed(value any) template.HTML {
	switch v := value.(type) {
	case template.HTML:
		return v
	case int:
		return template.HTML(strconv.Itoa(v))
	}
	return "<bdi>" + template.HTML(template.HTMLEscapeString(fmt.Sprint(value))) + "</bdi>"
}

// instant is a moment as the language writes it, in UTC: a page without script
// does not know where its reader is.
func (c *catalogue) instant(at time.Time) (template.HTML, error) {
	if at.IsZero() {
		return "–", nil
	}
	text, err := c.moment(at)
	return `<time datetime="` + template.HTML(at.UTC().Format(time.RFC3339)) + `">` + template.HTML(template.HTMLEscapeString(text)) + "</time>", err
}

// moment is instant without markup.
func (c *catalogue) moment(at time.Time) (string, error) {
	names, err := c.plain("date.months")
	if err != nil {
		return "", err
	}
	months := strings.Fields(names)
	if len(months) != 12 {
		return "", fmt.Errorf("%d months in %v", len(months), c.tag)
	}
	at = at.UTC()
	return c.plain("date.instant", "day", at.Day(), "month", months[at.Month()-1], "year", at.Year(), "time", at.Format("15:04"))
}

// who is a person by name, and by user name where that is another.
func who(name, username string) template.HTML {
	if name == "" || name == username {
		return "<strong>" + placed(username) + "</strong>"
	}
	return "<strong>" + placed(name) + `</strong> <span class="quiet">(` + placed(username) + ")</span>"
}

// registered is the scopes that the registry comes with, each with words in every
// language: scope.NAME and scope.NAME.more.
var registered = []authz.Scope{
	authz.ScopeOpenID, authz.ScopeProfile, authz.ScopeEmail, authz.ScopeAddress, authz.ScopePhone, authz.ScopeOfflineAccess,
	authz.ScopeUser, "agents:read", "tools:execute", authz.ScopeAdmin, authz.ScopeBilling, authz.ScopeUsersManage,
}

// registeredWords is the catalogue whose words the registry comes with.
var registeredWords = sync.OnceValues(func() (*catalogue, error) { return readCatalogue("en") })

// words is what is said of a scope, in the language where they are the words that the
// registry comes with; what an operator wrote stands as it is.
func (c *catalogue) words(name authz.Scope, title, description string) (ScopeWords, error) {
	s := ScopeWords{Name: name, Title: title, Description: description}
	if !slices.Contains(registered, name) {
		return s, nil
	}
	english, err := registeredWords()
	if err != nil {
		return s, err
	}
	for key, text := range map[string]*string{"scope." + string(name): &s.Title, "scope." + string(name) + ".more": &s.Description} {
		if english.messages[key]["other"] == *text {
			*text = c.messages[key]["other"]
		}
	}
	return s, nil
}

// functions is what the templates of one language may call.
func (c *catalogue) functions() template.FuncMap {
	spoken := spoken(c.tag.String())
	return template.FuncMap{
		"t":         c.text,
		"words":     c.words,
		"instant":   c.instant,
		"who":       who,
		"language":  func() Language { return spoken },
		"languages": Languages,
		"clip":      clip,
		"https":     https,
		"seconds":   seconds,
		"static":    assetURL,
	}
}
