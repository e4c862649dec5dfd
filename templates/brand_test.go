package templates

import (
	"fmt"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// Whatever colour a tenant chooses, what is made of it can be read on every ground of
// the style sheet, by day and by night.
func TestBrandContrast(t *testing.T) {
	blocks := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(get("GET", StyleURL()).Body.String(), -1)
	for n := 0; n < 1<<24; n += 0x1f3d5 {
		for _, asked := range []string{fmt.Sprintf("#%06x", n), "#000000", "#ffffff", "#ffff00", "#0000ff"} {
			made := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(brandStyle(asked), -1)
			for i, scheme := range []string{"light", "dark"} {
				palette := colours(colours(nil, blocks[i][1]), made[i][1])
				for pair := range strings.FieldsSeq("ink/tint soft/tint accent/ground accent/card accent/tint accent-lit/card accent-lit/ground on-accent/accent on-accent/accent-lit") {
					front, back, _ := strings.Cut(pair, "/")
					if got := contrast(t, palette[front], palette[back]); got < 4.5 {
						t.Fatalf("%s, %s: %s has contrast %.2f", asked, scheme, pair, got)
					}
				}
			}
		}
	}
}

func TestBrandStyle(t *testing.T) {
	for path, want := range map[string]int{
		"/brand/0b5f59.css": 200, "/brand/0B5F59.css": 404, "/brand/0b5f5.css": 404, "/brand/0b5f59": 404,
		"/brand/}*{x:y.css": 404, "/brand/.css": 404, "/brand/0b5f59.css.css": 404,
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.Path = path
		BrandStyle(w, r)
		if w.Code != want || want == 200 && !strings.HasPrefix(w.Header().Get("Content-Type"), "text/css") {
			t.Errorf("%s: %d %s", path, w.Code, w.Header().Get("Content-Type"))
		}
	}
}
