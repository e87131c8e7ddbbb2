// SPDX-License-Identifier: Apache-2.0
// The kernel of a pointwise task is composed by host/op/pointwise.c; this file holds nothing else.
