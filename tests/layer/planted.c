/* SPDX-License-Identifier: Apache-2.0 */
/* An OpenCL layer (OPENCL_LAYERS) whose compiler dies of some sources, as drivers' compilers do: of
 * any that says "planted: abort", and of those with an absorbed norm that say "planted: fused"; it
 * dies of the launch of such kernels that say "planted: launch". */
#include "layer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static CL_API_ENTRY cl_program CL_API_CALL
create_program(cl_context context, cl_uint n, const char **texts, const size_t *sizes, cl_int *code)
{
    for (cl_uint i = 0; i < n; i++) { /* pencl's texts end with NUL */
        bool fused = strstr(texts[i], "#define NORM_EPS") != NULL;
        if (strstr(texts[i], "planted: abort") != NULL ||
            (fused && strstr(texts[i], "planted: fused") != NULL)) {
            abort();
        }
    }
    return below->clCreateProgramWithSource(context, n, texts, sizes, code);
}

static bool is_deadly(cl_kernel kernel)
{
    cl_program program = NULL;
    size_t size = 0;
    bool deadly = false;
    below->clGetKernelInfo(kernel, CL_KERNEL_PROGRAM, sizeof(cl_program), &program, NULL);
    below->clGetProgramInfo(program, CL_PROGRAM_SOURCE, 0, NULL, &size);
    char *text = calloc(size + 1, 1);
    if (text != NULL) {
        below->clGetProgramInfo(program, CL_PROGRAM_SOURCE, size, text, NULL);
        deadly =
            strstr(text, "#define NORM_EPS") != NULL && strstr(text, "planted: launch") != NULL;
    }
    free(text);
    return deadly;
}

static CL_API_ENTRY cl_int CL_API_CALL launch(cl_command_queue queue,
                                              cl_kernel kernel,
                                              cl_uint dims,
                                              const size_t *from,
                                              const size_t *global,
                                              const size_t *local,
                                              cl_uint n,
                                              const cl_event *events,
                                              cl_event *event)
{
    if (is_deadly(kernel)) {
        abort();
    }
    return below->clEnqueueNDRangeKernel(queue, kernel, dims, from, global, local, n, events,
                                         event);
}

static void take_calls(void)
{
    table.clCreateProgramWithSource = create_program;
    table.clEnqueueNDRangeKernel = launch;
}
