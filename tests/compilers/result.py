# SPDX-License-Identifier: Apache-2.0
"""What is known of a compiled kernel."""
import collections

# Vector registers of a lane (AMD) or lanes of a thread (Intel); bytes of a lane that are spilled or
# arrays in memory; bytes of local memory; waves of a SIMD or threads of a subslice. Of tiles also what
# tiles.py counts; else 0.
Result = collections.namedtuple("Result", "registers spill local waves fma_a_load width", defaults=(0, 0))
