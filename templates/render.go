package templates

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"
)

//go:embed layout/*.html page/*.html
var sources embed.FS

// Page is one of the page structs of this package.
type Page interface {
	// template names the page's file in page/, without its ending.
	template() string
	// language is the tag of the language that the page is written in.
	language() string
}

// Render writes one whole page as UTF-8 HTML, or nothing: an error of a
// template leaves w untouched.
func Render(w io.Writer, page Page) error {
	name := page.template()
	set, err := pages[spoken(page.language()).Tag]()
	if err != nil {
		return err
	}
	t, known := set[name]
	if !known {
		return fmt.Errorf("render page %s: no such template", name)
	}
	var whole bytes.Buffer
	if err := t.ExecuteTemplate(&whole, "layout", page); err != nil {
		return fmt.Errorf("render page %s: %w", name, err)
	}
	if _, err := whole.WriteTo(w); err != nil {
		return fmt.Errorf("send page %s: %w", name, err)
	}
	return nil
}

// pages is the templates by language, each parsed at its first page, so that the
// command line does not pay for them.
var pages = func() map[string]func() (map[string]*template.Template, error) {
	sets := map[string]func() (map[string]*template.Template, error){}
	for _, l := range languages {
		sets[l.Tag] = sync.OnceValues(func() (map[string]*template.Template, error) { return parsePages(l.Tag) })
	}
	return sets
}()

// parsePages reads every page into a set of its own, with the layout and its parts,
// because each page defines the same names ("title", "main").
func parsePages(tag string) (map[string]*template.Template, error) {
	messages, err := readCatalogue(tag)
	if err != nil {
		return nil, err
	}
	layout, err := template.New("").Funcs(messages.functions()).ParseFS(sources, "layout/*.html")
	if err != nil {
		return nil, fmt.Errorf("parse layout: %w", err)
	}
	files, err := sources.ReadDir("page")
	if err != nil {
		return nil, fmt.Errorf("list pages: %w", err)
	}
	set := make(map[string]*template.Template, len(files))
	for _, file := range files {
		name := strings.TrimSuffix(file.Name(), path.Ext(file.Name()))
		page, err := layout.Clone()
		if err != nil {
			return nil, fmt.Errorf("clone layout: %w", err)
		}
		if set[name], err = page.ParseFS(sources, "page/"+file.Name()); err != nil {
			return nil, fmt.Errorf("parse page %s: %w", name, err)
		}
	}
	return set, nil
}

// clip bounds a text that came with a request, so that nobody can fill the
// error page with a story of their own.
func clip(s string) string {
	const most = 300
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return s
}

// https is the address when it is an absolute https one, else "": what a client
// says about itself never becomes a link of another kind.
func https(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return ""
	}
	return u.String()
}

// seconds rounds up: who waits as long as the page says must not be too early.
func seconds(d time.Duration) int {
	return int((d + time.Second - 1) / time.Second)
}
