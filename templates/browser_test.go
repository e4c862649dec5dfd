package templates

import (
	"image"
	"image/png"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/web/webtest/chrome"
)

// gallery serves every sample in every language, below /page/<language>/<name>.
func gallery(t *testing.T) *httptest.Server {
	t.Helper()
	all := http.NewServeMux()
	all.Handle("/static/", Static())
	all.HandleFunc("/brand/", BrandStyle)
	// The pictures of people and tenants: of a missing one a browser takes the room back.
	all.HandleFunc("/files/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/png")
		if err := png.Encode(w, image.NewGray(image.Rect(0, 0, 96, 96))); err != nil {
			t.Error(err)
		}
	})
	all.HandleFunc("/page/{language}/{name}", func(w http.ResponseWriter, r *http.Request) {
		page, known := samples()[r.PathValue("name")]
		if !known {
			http.NotFound(w, r)
			return
		}
		policy := "default-src 'none'; style-src 'self'; img-src 'self'"
		if _, leaves := page.(FormPost); !leaves {
			policy += "; script-src 'self'"
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", policy)
		if err := Render(w, spokenIn(page, r.PathValue("language"))); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(all)
	t.Cleanup(server.Close)
	return server
}

// spokenIn is the page in a language, where it knows more than one.
func spokenIn(page Page, tag string) Page {
	v := reflect.New(reflect.TypeOf(page)).Elem()
	v.Set(reflect.ValueOf(page))
	v.FieldByName("Language").SetString(tag)
	return v.Interface().(Page)
}

// TestBrowser_EveryPage: every page, in every state that people meet, holds what a page
// must hold in a real browser, and no language breaks out of a narrow screen.
func TestBrowser_EveryPage(t *testing.T) {
	server, chromium := gallery(t), chrome.Start(t)
	for _, language := range Languages() {
		t.Run(language.Tag, func(t *testing.T) {
			b := chromium.Tab(t)
			b.Speak(language.Tag)
			for _, name := range slices.Sorted(maps.Keys(samples())) {
				if spokenIn(samples()[name], language.Tag).language() != language.Tag {
					continue
				}
				b.Open(server.URL + "/page/" + language.Tag + "/" + url.PathEscape(name))
				switch picture := "page " + strings.ReplaceAll(name, ",", ""); {
				case language.Tag == "en":
					b.Inspect(picture)
				case language.Direction == "rtl":
					b.Picture(picture)
				default:
					b.Fits(name)
				}
			}
		})
	}
}
