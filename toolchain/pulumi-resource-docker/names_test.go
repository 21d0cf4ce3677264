package main

import (
	"testing"

	"github.com/terraform-providers/terraform-provider-docker/toolchain/internal/names"
)

func TestNames(t *testing.T) { names.Hold(t, provider()) }
