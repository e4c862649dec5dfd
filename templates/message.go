package templates

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
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
		filled = append(filled, "{"+name+"}", string(placed(pairs[i+1])))
	}
	text, known := m[form]
	if !known {
		text = m["other"]
	}
	return template.HTML(strings.NewReplacer(filled...).Replace(text)), nil
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
	at = at.UTC()
	names, err := c.text("date.months")
	if err != nil {
		return "", err
	}
	months := strings.Fields(string(names))
	if len(months) != 12 {
		return "", fmt.Errorf("%d months in %v", len(months), c.tag)
	}
	text, err := c.text("date.instant", "day", at.Day(), "month", template.HTML(months[at.Month()-1]), "year", at.Year(), "time", template.HTML(at.Format("15:04")))
	return `<time datetime="` + template.HTML(at.Format(time.RFC3339)) + `">` + text + "</time>", err
}

// who is a person by name, and by user name where that is another.
func who(name, username string) template.HTML {
	if name == "" || name == username {
		return "<strong>" + placed(username) + "</strong>"
	}
	return "<strong>" + placed(name) + `</strong> <span class="quiet">(` + placed(username) + ")</span>"
}

// functions is what the templates of one language may call.
func (c *catalogue) functions() template.FuncMap {
	spoken := spoken(c.tag.String())
	return template.FuncMap{
		"t":         c.text,
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
