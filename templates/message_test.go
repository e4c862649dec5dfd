package templates

import (
	"encoding/json"
	"html/template"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template/parse"

	"golang.org/x/net/html"
)

func english(t *testing.T) *catalogue { t.Helper(); return messagesOf(t, "en") }

func messagesOf(t *testing.T, tag string) *catalogue {
	t.Helper()
	c, err := readCatalogue(tag)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

func placeholders(text string) []string {
	found := placeholder.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

var markup = regexp.MustCompile(`<[^>]*>`)

func tags(text string) []string {
	found := markup.FindAllString(text, -1)
	slices.Sort(found)
	return found
}

// used is every message that a template asks for, with the placeholders it fills.
func used(t *testing.T) map[string][]string {
	t.Helper()
	set, err := parsePages("en")
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string][]string{"date.months": nil, "date.instant": {"{day}", "{month}", "{time}", "{year}"}}
	for _, name := range registered {
		keys["scope."+string(name)], keys["scope."+string(name)+".more"] = nil, nil
	}
	letters, err := parseLetters("en")
	if err != nil {
		t.Fatal(err)
	}
	all := slices.Collect(maps.Values(set))
	for _, l := range letters {
		all = append(all, l.html)
	}
	for _, page := range all {
		for _, part := range page.Templates() {
			if part.Tree == nil {
				continue
			}
			for _, command := range calls(part.Tree.Root, "t") {
				key, literal := command.Args[1].(*parse.StringNode)
				if !literal {
					t.Fatalf("%v: the key of a message is written out, so that this test finds it", command)
				}
				var names []string
				for i := 2; i < len(command.Args); i += 2 {
					names = append(names, "{"+command.Args[i].(*parse.StringNode).Text+"}")
				}
				slices.Sort(names)
				if before, found := keys[key.Text]; found && !slices.Equal(before, names) {
					t.Errorf("%q is filled with %v and with %v", key.Text, before, names)
				}
				keys[key.Text] = names
			}
		}
	}
	return keys
}

// calls is every command of a template that calls the function.
func calls(root parse.Node, function string) []*parse.CommandNode {
	var found []*parse.CommandNode
	var walk func(parse.Node)
	pipe := func(p *parse.PipeNode) {
		if p == nil {
			return
		}
		for _, c := range p.Cmds {
			walk(c)
		}
	}
	list := func(l *parse.ListNode) {
		if l != nil {
			walk(l)
		}
	}
	walk = func(node parse.Node) {
		switch n := node.(type) {
		case *parse.ListNode:
			for _, child := range n.Nodes {
				walk(child)
			}
		case *parse.ActionNode:
			pipe(n.Pipe)
		case *parse.TemplateNode:
			pipe(n.Pipe)
		case *parse.PipeNode:
			pipe(n)
		case *parse.IfNode:
			pipe(n.Pipe)
			list(n.List)
			list(n.ElseList)
		case *parse.WithNode:
			pipe(n.Pipe)
			list(n.List)
			list(n.ElseList)
		case *parse.RangeNode:
			pipe(n.Pipe)
			list(n.List)
			list(n.ElseList)
		case *parse.CommandNode:
			if f, named := n.Args[0].(*parse.IdentifierNode); named && f.Ident == function {
				found = append(found, n)
			}
			for _, arg := range n.Args {
				walk(arg)
			}
		}
	}
	walk(root)
	return found
}

// TestCataloguesAreComplete: every language has every message that the pages use
// and no other, with the same placeholders and the same markup, in every plural
// form of the language.
func TestCataloguesAreComplete(t *testing.T) {
	want, original := used(t), english(t)
	forms := map[string][]string{"en": {"one", "other"}, "de": {"one", "other"}, "es": {"one", "other"}, "fr": {"one", "other"}, "ja": {"other"}, "ar": {"few", "many", "one", "other", "two", "zero"}}
	for _, l := range languages {
		c := messagesOf(t, l.Tag)
		for key, names := range want {
			m, found := c.messages[key]
			if !found {
				t.Errorf("%s: no message %q", l.Tag, key)
				continue
			}
			if plurals := slices.Sorted(maps.Keys(m)); len(original.messages[key]) > 1 && !slices.Equal(plurals, forms[l.Tag]) {
				t.Errorf("%s: %q has the forms %v, not %v", l.Tag, key, plurals, forms[l.Tag])
			}
			for form, text := range m {
				if got := placeholders(text); !slices.Equal(got, names) {
					t.Errorf("%s: %q (%s) has %v, its page fills %v", l.Tag, key, form, got, names)
				}
				if strings.TrimSpace(markup.ReplaceAllString(text, "")) == "" {
					t.Errorf("%s: %q (%s) says nothing", l.Tag, key, form)
				}
				if got, want := tags(text), tags(original.messages[key]["other"]); !slices.Equal(got, want) {
					t.Errorf("%s: %q (%s) has the markup %v, the English one %v", l.Tag, key, form, got, want)
				}
			}
		}
		for key := range c.messages {
			if _, found := want[key]; !found {
				t.Errorf("%s: no page uses %q", l.Tag, key)
			}
		}
		if months, err := c.text("date.months"); err != nil || len(strings.Fields(string(months))) != 12 {
			t.Errorf("%s: months %q, %v", l.Tag, months, err)
		}
	}
}

// TestCataloguesNameEachMessageOnce: JSON would let the later one win in silence.
func TestCataloguesNameEachMessageOnce(t *testing.T) {
	for _, l := range languages {
		source, err := catalogues.ReadFile("message/" + l.Tag + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var entries map[string]json.RawMessage
		if err := json.Unmarshal(source, &entries); err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(string(source), "\n\t\""); lines != len(entries) {
			t.Errorf("%s: %d lines for %d messages", l.Tag, lines, len(entries))
		}
	}
}

// TestMessagesAreTranslated: a text that was copied stands out, the few apart that
// are the same in two languages.
func TestMessagesAreTranslated(t *testing.T) {
	original := english(t)
	for _, l := range languages[1:] {
		c := messagesOf(t, l.Tag)
		for key, m := range original.messages {
			words := strings.Fields(markup.ReplaceAllString(placeholder.ReplaceAllString(m["other"], ""), ""))
			if len(words) > 2 && c.messages[key]["other"] == m["other"] && !strings.HasPrefix(key, "date.") {
				t.Errorf("%s: %q reads as in English", l.Tag, key)
			}
		}
	}
}

// foreignToNobody is what templates may say outside the catalogues: names.
var foreignToNobody = []string{"Gatehouse", "UTC", "/oauth2/jwks"}

// TestNoWordsOutsideTheCatalogues: what a person reads, or has read to them, comes
// from a message. The demonstration, the console, the reference of the API and the mailbox are English.
func TestNoWordsOutsideTheCatalogues(t *testing.T) {
	set, err := parsePages("en")
	if err != nil {
		t.Fatal(err)
	}
	letters := regexp.MustCompile(`\p{L}{2,}`)
	report := func(where, words string) {
		for _, name := range foreignToNobody {
			words = strings.ReplaceAll(words, name, "")
		}
		if found := letters.FindString(words); found != "" {
			t.Errorf("%s: %q stands in the template", where, found)
		}
	}
	for name, page := range set {
		if name == "demo" || name == "console" || name == "reference" || name == "mailbox" {
			continue
		}
		for _, part := range page.Templates() {
			if part.Tree == nil || part.Name() == "shape" {
				continue
			}
			var source strings.Builder
			for _, text := range texts(part.Tree.Root) {
				source.WriteString(text)
			}
			// The tokenizer takes what stands in noscript for text, as a browser with scripts does.
			z := html.NewTokenizer(strings.NewReader(strings.ReplaceAll(source.String(), "noscript", "div")))
			for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
				token := z.Token()
				if kind == html.TextToken {
					report(name+"/"+part.Name(), token.Data)
				}
				for _, a := range token.Attr {
					if slices.Contains([]string{"aria-label", "alt", "title", "placeholder"}, a.Key) {
						report(name+"/"+part.Name(), a.Val)
					}
				}
			}
		}
	}
}

func texts(root *parse.ListNode) []string {
	var found []string
	if root == nil {
		return nil
	}
	for _, node := range root.Nodes {
		switch n := node.(type) {
		case *parse.TextNode:
			found = append(found, string(n.Text))
		case *parse.IfNode:
			found = append(append(found, texts(n.List)...), texts(n.ElseList)...)
		case *parse.WithNode:
			found = append(append(found, texts(n.List)...), texts(n.ElseList)...)
		case *parse.RangeNode:
			found = append(append(found, texts(n.List)...), texts(n.ElseList)...)
		}
	}
	return found
}

func TestPlaceholdersAreEscapedOnce(t *testing.T) {
	c := &catalogue{tag: english(t).tag, messages: map[string]message{
		"greet": {"other": "<b>{name}</b> of {tenant}"}, "wait": {"one": "{count} second", "other": "{count} seconds"},
	}}
	for _, test := range []struct {
		key   string
		pairs []any
		want  template.HTML
	}{
		{"greet", []any{"name", "<i>{tenant}", "tenant", "A & B"}, "<b><bdi>&lt;i&gt;{tenant}</bdi></b> of <bdi>A &amp; B</bdi>"},
		{"greet", []any{"name", template.HTML("<i>Ann</i>"), "tenant", 7}, "<b><i>Ann</i></b> of 7"},
		{"wait", []any{"count", 1}, "1 second"},
		{"wait", []any{"count", 2}, "2 seconds"},
	} {
		if got, err := c.text(test.key, test.pairs...); err != nil || got != test.want {
			t.Errorf("%s %v: %q, %v", test.key, test.pairs, got, err)
		}
	}
	if _, err := c.text("missing"); err == nil {
		t.Error("a message that is not there was found")
	}
}

func TestChooseLanguage(t *testing.T) {
	for _, test := range []struct {
		wishes []string
		want   string
	}{
		{nil, "en"},
		{[]string{"de"}, "de"},
		{[]string{"de-AT"}, "de"},
		{[]string{"", "fr-CA,fr;q=0.8,en;q=0.5"}, "fr"},
		{[]string{"xx", "ja"}, "ja"},
		{[]string{"ar-EG", "de"}, "ar"},
		{[]string{"en;q=0.2,es;q=0.9"}, "es"},
		{[]string{"*"}, "en"},
		{[]string{"\x00;;q=,", "de"}, "de"},
		{[]string{strings.Repeat("de-", 400), "fr"}, "fr"},
	} {
		if got := ChooseLanguage(test.wishes...); got != test.want {
			t.Errorf("%q: %s, want %s", test.wishes, got, test.want)
		}
	}
}

func FuzzChooseLanguage(f *testing.F) {
	for _, seed := range []string{"de", "en-GB,en;q=0.9", "*;q=0.1", "", "x-klingon", "zh-Hant-TW;q=1.1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, wish string) {
		if got := ChooseLanguage(wish); spoken(got).Tag != got {
			t.Errorf("%q: %q", wish, got)
		}
	})
}

// TestPagesSpeakTheirLanguage: the page says which language it is in and which way
// it is read, and shows no key.
func TestPagesSpeakTheirLanguage(t *testing.T) {
	for _, l := range languages {
		page := SignIn{Layout: Layout{Language: l.Tag, CSRF: "x", Here: "/login"}, Problem: SignInThrottled, RetryAfter: 3e9}
		root := elements(document(t, page), "html")[0]
		if attr(root, "lang") != l.Tag || attr(root, "dir") != l.Direction {
			t.Errorf("%s: lang %q, dir %q", l.Tag, attr(root, "lang"), attr(root, "dir"))
		}
		if got := text(document(t, Console{Layout: Layout{Language: l.Tag}})); !strings.Contains(got, "Sign") {
			t.Errorf("%s: the console is not English", l.Tag)
		}
		if got := string(must(messagesOf(t, l.Tag).instant(noon))); !strings.Contains(got, "12:05") || !strings.Contains(got, "2026") {
			t.Errorf("%s: %s", l.Tag, got)
		}
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// What the registry comes with is said in the language of the page; what an operator wrote
// stands as they wrote it.
func TestWordsOfAScope(t *testing.T) {
	t.Parallel()
	german, err := readCatalogue("de")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ given, want ScopeWords }{
		{ScopeWords{"phone", "See your telephone number", "The number and whether it is verified."},
			ScopeWords{"phone", "Ihre Telefonnummer sehen", "Die Nummer und ob sie bestätigt ist."}},
		{ScopeWords{"phone", "Ring you up", "The number and whether it is verified."}, ScopeWords{"phone", "Ring you up", "Die Nummer und ob sie bestätigt ist."}},
		{ScopeWords{"phone", "See your telephone number", ""}, ScopeWords{"phone", "Ihre Telefonnummer sehen", ""}},
		{ScopeWords{"reports:read", "See reports", ""}, ScopeWords{"reports:read", "See reports", ""}},
	} {
		if got, err := german.words(c.given.Name, c.given.Title, c.given.Description); got != c.want || err != nil {
			t.Errorf("%v: %v, %v", c.given, got, err)
		}
	}
}
