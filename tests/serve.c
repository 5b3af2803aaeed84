/* Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.

Asks a SavedModel one text through TensorFlow's C API, with no Python at all:

  serve MODEL INPUT:INDEX OUTPUT:INDEX TEXT [OP_LIBRARY...]

and prints the float32 output's values. Errors: status 1, words on stderr. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/c/c_api.h"

static void check(TF_Status* status, const char* what) {
  if (TF_GetCode(status) == TF_OK) return;
  fprintf(stderr, "%s: %s\n", what, TF_Message(status));
  exit(1);
}

static TF_Output find(TF_Graph* graph, char* tensor) {
  char* colon = strrchr(tensor, ':');
  *colon = 0;
  TF_Output found = {TF_GraphOperationByName(graph, tensor), atoi(colon + 1)};
  if (found.oper == NULL) {
    fprintf(stderr, "no tensor %s\n", tensor);
    exit(1);
  }
  return found;
}

int main(int count, char** words) {
  TF_Status* status = TF_NewStatus();
  for (int i = 5; i < count; i++) {
    TF_LoadLibrary(words[i], status);
    check(status, words[i]);
  }
  const char* tags[] = {"serve"};
  TF_Graph* graph = TF_NewGraph();
  TF_Session* session = TF_LoadSessionFromSavedModel(
      TF_NewSessionOptions(), NULL, words[1], tags, 1, graph, NULL, status);
  check(status, words[1]);

  int64_t rows = 1;
  TF_Tensor* text = TF_AllocateTensor(TF_STRING, &rows, 1, sizeof(TF_TString));
  TF_StringInit(TF_TensorData(text));
  TF_StringCopy(TF_TensorData(text), words[4], strlen(words[4]));
  TF_Output input = find(graph, words[2]), output = find(graph, words[3]);
  TF_Tensor* answer = NULL;
  TF_SessionRun(session, NULL, &input, &text, 1, &output, &answer, 1, NULL, 0,
                NULL, status);
  check(status, "run");
  const float* values = TF_TensorData(answer);
  for (int64_t i = 0; i < TF_TensorElementCount(answer); i++) {
    printf("%.9g\n", values[i]);
  }
  return 0;
}
