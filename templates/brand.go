package templates

import (
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// Brand is how a tenant looks where its people sign in and agree.
type Brand struct {
	Name string
	// Accent is a colour as "#rrggbb", Logo the path of a picture; "" for none.
	Accent, Logo string
}

const brandPrefix = "/brand/"

// Style is the path of the style sheet that gives a page the accent, or "".
func (b Brand) Style() string {
	if !accent.MatchString(b.Accent) {
		return ""
	}
	return brandPrefix + b.Accent[1:] + ".css"
}

var accent = regexp.MustCompile(`^#[0-9a-f]{6}$`)

// BrandStyle serves GET /brand/<rrggbb>.css. It follows from the colour alone, so there
// is nothing to look up, and nothing inline for a policy to allow.
func BrandStyle(w http.ResponseWriter, r *http.Request) {
	name, isStyle := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, brandPrefix), ".css")
	if !isStyle || !accent.MatchString("#"+name) {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/css; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "public, max-age=86400")
	_, _ = w.Write([]byte(brandStyle("#" + name)))
}

// brandStyle takes from a colour what can be read on the grounds of style.css: darker by
// day and lighter by night, until the contrast is that of WCAG 2.2, 1.4.3.
func brandStyle(colour string) string {
	asked := parseColour(colour)
	scheme := func(card, ground, end rgb, onAccent string) string {
		tint := card.mixed(asked, .1)
		c := asked
		for step := 0.; step < 1 && min(c.contrast(card), c.contrast(ground), c.contrast(tint)) < 4.6; {
			step += .02
			c = asked.mixed(end, step)
		}
		return fmt.Sprintf(":root { --accent: %s; --accent-lit: %s; --tint: %s; --on-accent: %s; }\n", c, c.mixed(end, .25), tint, onAccent)
	}
	return scheme(parseColour("#ffffff"), parseColour("#f4f3ef"), rgb{}, "#ffffff") +
		"@media (prefers-color-scheme: dark) {\n" + scheme(parseColour("#191e21"), parseColour("#101416"), rgb{255, 255, 255}, "#101416") + "}\n"
}

// rgb is a colour by its parts of sRGB, 0 to 255 each.
type rgb [3]float64

func parseColour(hex string) (c rgb) {
	for i := range c {
		v, _ := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
		c[i] = float64(v)
	}
	return c
}

func (c rgb) String() string {
	return fmt.Sprintf("#%02x%02x%02x", int(c[0]), int(c[1]), int(c[2]))
}

// mixed is the colour with a share, 0 to 1, of another one in it.
func (c rgb) mixed(with rgb, share float64) rgb {
	for i := range c {
		c[i] = math.Round(c[i] + share*(with[i]-c[i]))
	}
	return c
}

// contrast is that of WCAG 2.2, 1 to 21.
func (c rgb) contrast(with rgb) float64 {
	a, b := c.luminance(), with.luminance()
	return (max(a, b) + .05) / (min(a, b) + .05)
}

func (c rgb) luminance() (sum float64) {
	for i, weight := range []float64{.2126, .7152, .0722} {
		v := c[i] / 255
		if v <= .04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+.055)/1.055, 2.4)
		}
		sum += weight * v
	}
	return sum
}
