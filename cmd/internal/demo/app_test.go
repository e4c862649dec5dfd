package demo

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestNewRefuses(t *testing.T) {
	good := Config{
		Issuer: "http://localhost:8080", BaseURL: "http://localhost:8081",
		Client: Credentials{"demo", "s"}, API: Credentials{"api", "s"},
	}
	if _, err := New(good); err != nil {
		t.Fatalf("a good configuration: %v", err)
	}
	for name, change := range map[string]func(*Config){
		"no client id":        func(c *Config) { c.Client.ID = "" },
		"no client secret":    func(c *Config) { c.Client.Secret = "" },
		"no API credentials":  func(c *Config) { c.API = Credentials{} },
		"no issuer":           func(c *Config) { c.Issuer = "" },
		"issuer without host": func(c *Config) { c.Issuer = "localhost" },
		"base with a slash":   func(c *Config) { c.BaseURL += "/" },
		"base with a path":    func(c *Config) { c.BaseURL += "/demo" },
		"base with a query":   func(c *Config) { c.BaseURL += "?a=b" },
		"base without host":   func(c *Config) { c.BaseURL = "http://" },
		"plain http far away": func(c *Config) { c.BaseURL = "http://demo.example" },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestCredentialsDoNotPrint(t *testing.T) {
	c := Config{Client: Credentials{"demo", "hush"}}
	encoded, err := json.Marshal(c.Client)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		fmt.Sprint(c.Client), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), fmt.Sprintf("%q %x", c.Client, c.Client),
		c.Client.LogValue().String(), string(encoded),
	} {
		if strings.Contains(text, "hush") || strings.Contains(text, fmt.Sprintf("%x", "hush")) {
			t.Errorf("the secret stands in %q", text)
		}
	}
}

func TestShelfForgets(t *testing.T) {
	now := time.Unix(0, 0)
	s := newShelf[int](time.Minute, 3, func() time.Time { return now })
	for i := range 5 {
		s.put(fmt.Sprint(i), i)
		now = now.Add(time.Second)
	}
	for key, want := range map[string]bool{"0": false, "1": false, "2": true, "3": true, "4": true, "": false} {
		if _, found := s.get(key); found != want {
			t.Errorf("%q found: %t, want %t", key, found, want)
		}
	}
	now = now.Add(time.Minute - 2*time.Second)
	if _, found := s.get("3"); found {
		t.Error("a value outlived its lifetime")
	}
	if _, found := s.take("4"); !found {
		t.Error("a value ended before its lifetime")
	}
	s.put("5", 5)
	s.put("6", 6)
	if len(s.kept) > 3 {
		t.Errorf("%d values, at most 3 wanted", len(s.kept))
	}
}

func TestShelfHasOneWinner(t *testing.T) {
	s := newShelf[int](time.Minute, 10, time.Now)
	s.put("state", 1)
	var winners atomic.Int32
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, found := s.take("state"); found {
				winners.Add(1)
			}
		})
	}
	all.Wait()
	if winners.Load() != 1 {
		t.Errorf("%d winners", winners.Load())
	}
}

func FuzzOpened(f *testing.F) {
	for _, seed := range []string{"", "..", "e30.e30.", "e30.bm8.x", "opaque", "a.b", "\xff.\xff.\xff", "e30.e30.e30.e30"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		shown := opened("access", token)
		header, rest, _ := strings.Cut(token, ".")
		claims, _, _ := strings.Cut(rest, ".")
		if diff := cmp.Diff(opened("access", header+"."+claims+"."), shown); diff != "" && len(shown) > 0 {
			t.Errorf("the signature changes what is shown: %s", diff)
		}
		if len(shown) > 0 && strings.Count(token, ".") < 2 {
			t.Errorf("%q was taken for a JWT", token)
		}
	})
}
