package config

import (
	"net/netip"
	"reflect"
	"strings"
	"time"
)

// prefix begins every variable of the environment that is ours.
const prefix = "GATEHOUSE_"

// setting is one field of [Config] as its tags describe it.
type setting struct {
	index int
	key   string
	// alias is a second variable, of lower rank.
	alias string
	// def and production are the defaults; they differ for few.
	def, production string
	flag            flagScope
}

// flagScope says which commands take a setting as a flag.
type flagScope string

const (
	flagNowhere flagScope = ""
	flagAll     flagScope = "all"
	flagServe   flagScope = "serve"
	flagAdmin   flagScope = "admin"
)

func (s setting) variable() string { return prefix + strings.ToUpper(s.key) }

func (s setting) flagName() string { return strings.ReplaceAll(s.key, "_", "-") }

func (s setting) defaultIn(env Env) string {
	if env == Production {
		return s.production
	}
	return s.def
}

var settings = describe()

func describe() []setting {
	t := reflect.TypeFor[Config]()
	list := make([]setting, t.NumField())
	for i := range list {
		tag := t.Field(i).Tag
		s := setting{
			index: i, key: tag.Get("key"), alias: tag.Get("alias"),
			def: tag.Get("default"), flag: flagScope(tag.Get("flag")),
		}
		var own bool
		if s.production, own = tag.Lookup("production"); !own {
			s.production = s.def
		}
		list[i] = s
	}
	return list
}

func known(key string) bool {
	for _, s := range settings {
		if s.key == key {
			return true
		}
	}
	return false
}

// field is the address of the setting's value.
func (s setting) field(c *Config) any {
	return reflect.ValueOf(c).Elem().Field(s.index).Addr().Interface()
}

// kind is what the help of a flag calls the value.
func (s setting) kind() string {
	switch s.field(&Config{}).(type) {
	case *bool:
		return "bool"
	case *time.Duration:
		return "duration"
	case *[]netip.Prefix:
		return "networks"
	case *[]string:
		return "list"
	}
	return "string"
}
