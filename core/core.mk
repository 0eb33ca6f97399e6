# core: rules of this folder
